"""A checkpoint's tokenizer with the markers, in files that this project and torch read alike."""

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from transformers import AutoTokenizer

from pipeline.backbones import sentencepieces
from pipeline.backbones.source_tokenizer import CONFIG, FILE, SourceTokenizer
from pipeline.errors import UserError
from pipeline.files import write_json, write_text

ODD = [
    "Capitals, CAPITALS and small ones; don't, can't.",
    "Caf\u00e9 na\u00efve, e\u0301 in two parts, \u00fcber, \u0130stanbul, \u00df.",
    "\u201cQuoted\u201d \u2018so\u2019 \u2014 and\u2026 on \u2013 \u00abthus\u00bb `` ''",
    "\u00bd and \ufb01ne, \u2122, \uff26\uff55\uff4c\uff4c, x\u00b2, \u2460",
    "no\u00a0break, wide\u3000space, thin\u2009space,  two,\tand a tab",
    "zero\u200bwidth, soft\u00adhyphen, \ufeffmark, joined\u2060word",
    "\u65e5\u672c\u8a9e, \u0440\u0443\u0441\u0441, \u0639\u0631\u0628\u064a, \U0001f600",
    "1234567890, 3.14, 8 o'clock, $5, 50%, a@b.c, C1 \x85 \x92",
    " leading and trailing ",
    "x" * 120,
]
"""Texts in which tokenizers of the same vocabulary differ."""


def write(source: SourceTokenizer, markers: Sequence[str], positions: int, folder: Path) -> int:
    """Write the tokenizer with the markers.

    Args:
      source: the checkpoint's own.
      markers: in the order in which they are added.
      positions: the longest sequence, in tokens.
      folder: holds config.json; gets tokenizer.json and tokenizer_config.json.

    Returns:
      The number of ids: one more than the highest.

    Raises:
      UserError: a marker is a word already or does not come out as one token, the source fails on
        a text, or what was written gives other tokens than the source.
    """
    own = _encoded(source)
    marked = _with_markers(source, markers)
    write_text(folder / FILE, marked.to_str(pretty=True))
    config = {
        # The one class that takes tokenizer.json as it is.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": list(source.inputs),
        "model_max_length": positions,
        "clean_up_tokenization_spaces": False,
        **source.roles,
    }
    write_json(folder / CONFIG, config)
    _hold_markers(marked, source, markers)
    _hold_texts(own, source, folder)
    return max(marked.get_vocab().values()) + 1


def _encoded(source: SourceTokenizer) -> list[list[int]]:
    """Encode odd texts by the source itself."""
    try:
        return [encoded.ids for encoded in source.backend.encode_batch(ODD)]
    except Exception as error:  # the library raises nothing narrower
        reason = " ".join(str(error).split())
        raise UserError(f"{source.folder}: the tokenizer can't read odd texts: {reason}") from None


def _with_markers(source: SourceTokenizer, markers: Sequence[str]) -> Tokenizer:
    """Add the markers behind the highest id; those that are special tokens already stay."""
    own = source.backend
    special = {t.content for t in own.get_added_tokens_decoder().values() if t.special}
    words = own.get_vocab()
    for marker in markers:
        if marker in words and marker not in special:
            raise UserError(
                f"{source.folder / FILE}: {marker} is a word of its vocabulary, expected a special "
                "token or none"
            )
    new = [marker for marker in markers if marker not in words]
    first = max(words.values()) + 1
    fields = json.loads(own.to_str())
    for token in fields["added_tokens"]:
        # An essay must not write a special token by letters that become its own.
        token["normalized"] &= not token["special"]
    if first != len(words) and isinstance(fields["model"]["vocab"], dict):
        # The library numbers by the size of a vocabulary, beyond which one with holes has words.
        fields["model"]["vocab"] |= {marker: first + i for i, marker in enumerate(new)}
    marked = Tokenizer.from_str(json.dumps(fields))
    marked.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in new])
    return marked


def _hold_markers(marked: Tokenizer, source: SourceTokenizer, markers: Sequence[str]) -> None:
    """Check that every marker is one token of its own, wherever it stands in a text."""
    before = source.backend.get_vocab()
    top, after = max(before.values()), marked.get_vocab()
    for marker in markers:
        where, number = f"{source.folder / FILE}: {marker}", after[marker]
        if marker not in before and number <= top:
            raise UserError(f"{where}: found the id {number}, expected one above {top}")
        for text in (marker, f"end.{marker} Then", f"{marker} Then", f"end{marker}{marker}"):
            found = marked.encode(text, add_special_tokens=False).ids
            if found.count(number) != text.count(marker) or (text == marker and len(found) != 1):
                raise UserError(f"{where}: expected it as one token in {text!r}, found {found}")


def _hold_texts(own: Sequence[list[int]], source: SourceTokenizer, folder: Path) -> None:
    """Check that the written files give the source's `own` tokens on odd texts.

    Raises:
      UserError: a text has other tokens, here or for whoever opens the folder in torch.
    """
    written = Tokenizer.from_file(str(folder / FILE))
    _same(own, [encoded.ids for encoded in written.encode_batch(ODD)], source.folder / FILE)
    opened = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    _same(own, opened(ODD, verbose=False)["input_ids"], source.folder / CONFIG)
    if source.spm is not None:
        sentencepieces.hold(source.backend, source.spm, ODD, source.lowercase)


def _same(expected: Sequence[object], found: Sequence[object], where: Path) -> None:
    for text, one, other in zip(ODD, expected, found, strict=True):
        if one != other:
            raise UserError(f"{where}: {text!r}: expected the tokens {one}, found {other}")
