"""The tokenizer of a checkpoint as its own files have it.

transformers 5 builds many classes anew from a vocabulary and drops the normalisation and the
splitting of tokenizer.json, so a file that is there is read as it is. transformers tells the roles
of the special tokens, and builds what has a vocabulary alone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, processors
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from pipeline.backbones import sentencepieces
from pipeline.errors import UserError
from pipeline.files import read_json

FILE = "tokenizer.json"
CONFIG = "tokenizer_config.json"
VOCABULARY = "vocab.txt"


@dataclass(frozen=True)
class SourceTokenizer:
    """A checkpoint's tokenizer.

    Attributes:
      folder: of the checkpoint, for messages.
      backend: the tokenizer, without dropout, truncation or padding.
      roles: special tokens by role, such as "cls_token".
      inputs: names of the arrays that the network takes in torch.
      spm: the sentencepiece model that `backend` was built from, if any.
      lowercase: whether capitals go before that model sees a text.
    """

    folder: Path
    backend: Tokenizer
    roles: Mapping[str, str]
    inputs: tuple[str, ...]
    spm: Path | None
    lowercase: bool


def read(folder: Path) -> SourceTokenizer:
    """Read the tokenizer of a checkpoint's folder.

    Raises:
      UserError: there is none that gives offsets, a file of it is damaged, or its configuration
        contradicts it.
    """
    fields = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    if fields.get("split_special_tokens"):
        raise UserError(
            f"{folder / CONFIG}: split_special_tokens: true would split the markers; set it to "
            "false"
        )
    lowercase = bool(fields.get("do_lower_case", False))
    own = _as_it_is(folder / FILE) if (folder / FILE).is_file() else None
    made = _by_transformers(folder)
    spm = None
    if own is not None:
        backend = own
        _agree(fields, json.loads(backend.to_str()), folder)
    else:
        backend = Tokenizer.from_str(made.backend_tokenizer.to_str())  # type: ignore[attr-defined]
        spm = sentencepieces.find(folder)
        if spm is not None:
            sentencepieces.restore(backend, spm, lowercase, bool(fields.get("split_by_punct")))
        elif "do_lower_case" not in fields and (folder / VOCABULARY).is_file():
            _refuse_capitals(backend, folder)
    words = backend.get_vocab()
    roles = {role: str(token) for role, token in made.special_tokens_map.items()}
    roles = {role: token for role, token in roles.items() if token in words}
    if len(words) <= len(set(roles.values())):
        raise UserError(f"{folder}: no tokenizer: found special tokens and no others")
    _plain(backend, roles.values())
    if own is None:
        _frame(backend, roles)
    return SourceTokenizer(folder, backend, roles, tuple(made.model_input_names), spm, lowercase)


def _by_transformers(folder: Path) -> PreTrainedTokenizerBase:
    try:
        made = AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
    # A file that a user brought may make the library raise anything.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{folder}: no tokenizer: {reason}") from None
    if not made.is_fast:
        raise UserError(f"{folder}: expected a tokenizer that gives offsets ({FILE})")
    return made


def _as_it_is(path: Path) -> Tokenizer:
    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path}: no tokenizer: {' '.join(str(error).split())}") from None
    for token in read_json(path).get("added_tokens") or ():
        found = backend.token_to_id(token["content"])
        if found != token["id"]:  # the library numbers anew what its vocabulary doesn't hold
            raise UserError(
                f"{path}: added_tokens: {token['content']} has the id {token['id']}, but is read "
                f"as {found}; put it into the vocabulary under its id"
            )
    return backend


def _plain(backend: Tokenizer, roles: Iterable[str]) -> None:
    """Turn off dropout, truncation and padding, and add the special tokens that are missing."""
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None) is not None:
        backend.model.dropout = None  # type: ignore[attr-defined]
    known = {token.content for token in backend.get_added_tokens_decoder().values()}
    missing = [token for token in dict.fromkeys(roles) if token not in known]
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in missing])


def _frame(backend: Tokenizer, roles: Mapping[str, str]) -> None:
    """Put the first and the last special token around a text; transformers 5.0 forgets it."""
    framed = any(backend.encode("a").special_tokens_mask)
    if framed or not {"cls_token", "sep_token"} <= roles.keys():
        return
    first, last = roles["cls_token"], roles["sep_token"]
    words = backend.get_vocab()
    backend.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single=[first, "$A", last], special_tokens=[(first, words[first]), (last, words[last])]
    )


def _parts(node: object) -> Iterator[Mapping[str, Any]]:
    """Yield the steps of a normaliser or a pre-tokeniser, however deeply they are nested."""
    if isinstance(node, dict):
        yield node
        for below in (*node.get("normalizers", ()), *node.get("pretokenizers", ())):
            yield from _parts(below)


def _agree(fields: Mapping[str, Any], tokenizer: Mapping[str, Any], folder: Path) -> None:
    """Check that tokenizer.json treats a text as tokenizer_config.json says.

    Raises:
      UserError: they differ: one of them is wrong, and only the user can know which.
    """
    normal = list(_parts(tokenizer["normalizer"]))
    splits = list(_parts(tokenizer["pre_tokenizer"]))
    bert = [part for part in normal if part["type"] == "BertNormalizer"]
    small = any(p["type"] == "Lowercase" or p.get("lowercase") for p in normal)
    stripped = [p["lowercase"] if p["strip_accents"] is None else p["strip_accents"] for p in bert]
    prefixed = [p["add_prefix_space"] for p in splits if p["type"] == "ByteLevel"]
    done = {"do_lower_case": (small, "lowercases", "keeps capitals")}
    if bert:
        done["strip_accents"] = (stripped[0], "strips accents", "keeps accents")
        chinese = bert[0]["handle_chinese_chars"]
        done["tokenize_chinese_chars"] = (chinese, "splits Chinese", "doesn't split Chinese")
    if prefixed:
        done["add_prefix_space"] = (any(prefixed), "adds a space", "adds no space")
    for key, (does, yes, no) in done.items():
        said = fields.get(key)
        if said is not None and bool(said) != does:
            raise UserError(
                f"{folder / CONFIG}: {key}: {str(said).lower()}, but {FILE} {yes if does else no}; "
                f"set {key} to {str(does).lower()}, or mend {FILE}"
            )


def _refuse_capitals(backend: Tokenizer, folder: Path) -> None:
    """Refuse to guess: a cased vocabulary under the default, which lowercases, is all unknown.

    Raises:
      UserError: words of the vocabulary have capitals.
    """
    special = {token.content for token in backend.get_added_tokens_decoder().values()}
    words = (word for word in backend.get_vocab() if not word.startswith("[") or word[-1] != "]")
    cased = sorted(word for word in words if word != word.lower() and word not in special)
    if cased:
        raise UserError(
            f"{folder / CONFIG}: do_lower_case: not set, but {VOCABULARY} has capitals "
            f"({cased[0]!r}); set it to false"
        )
