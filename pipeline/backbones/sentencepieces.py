"""Unigram models of sentencepiece (Kudo and Richardson, 2018) as fast tokenizers, held to it.

transformers 5 takes pieces and scores from such a file and puts a normalisation of its own in
place of the file's, so that what DeBERTa-v3 reads as one character becomes unknown.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from pipeline.errors import UserError

FILES = ("spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
"""The names under which checkpoints keep one."""

_UNIGRAM = 1  # TrainerSpec.ModelType
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


def find(folder: Path) -> Path | None:
    """Find the sentencepiece model of a checkpoint, if it has one."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def restore(built: Tokenizer, path: Path, lowercase: bool, split_by_punct: bool) -> None:
    """Give a tokenizer that was built from a model's pieces the normalisation of its file.

    Args:
      built: is changed.
      path: of the model.
      lowercase: whether capitals go first.
      split_by_punct: whether punctuation is cut off first.

    Raises:
      UserError: the file is no such model, or of a kind that is not served.
    """
    proto = _read(path)
    spec = proto.normalizer_spec
    steps: list[Any] = [normalizers.Lowercase()] if lowercase else []
    if spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    scheme = "always" if spec.add_dummy_prefix else "never"
    metaspace = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme=scheme)
    cuts: list[Any] = [pre_tokenizers.Punctuation("isolated")] if split_by_punct else []
    built.normalizer = normalizers.Sequence(steps)  # pyright: ignore[reportAttributeAccessIssue]
    built.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [*cuts, metaspace]
    )


def hold(built: Tokenizer, path: Path, texts: Sequence[str], lowercase: bool) -> None:
    """Hold a tokenizer to sentencepiece itself on the same file.

    Two ways to cut a text may have the same likelihood ("..." as ".." and "."); either is right.

    Raises:
      UserError: a text is cut otherwise.
    """
    from sentencepiece import SentencePieceProcessor

    model: Any = SentencePieceProcessor(str(path))

    def known(pieces: Sequence[str]) -> list[str | None]:
        return [None if model.is_unknown(model.piece_to_id(piece)) else piece for piece in pieces]

    def likelihood(pieces: Sequence[str | None]) -> float:
        return math.fsum(model.get_score(model.piece_to_id(p)) for p in pieces if p is not None)

    for text in texts:
        theirs = known(model.encode_as_pieces(text.lower() if lowercase else text))
        ours = known(built.encode(text, add_special_tokens=False).tokens)
        same = ours.count(None) == theirs.count(None) and math.isclose(
            likelihood(ours), likelihood(theirs), rel_tol=1e-6
        )
        if ours != theirs and not same:
            raise UserError(
                f"{path}: {text!r}: sentencepiece gives {theirs}, the tokenizer made of it {ours} "
                "(None: unknown); put a tokenizer.json that agrees beside it"
            )


def _read(path: Path) -> Any:
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    try:
        proto = sentencepiece_model_pb2.ModelProto.FromString(  # pyright: ignore[reportAttributeAccessIssue]
            path.read_bytes()
        )
    except DecodeError:
        raise UserError(f"{path}: not a sentencepiece model") from None
    if proto.trainer_spec.model_type != _UNIGRAM:
        raise UserError(
            f"{path}: expected a unigram model; put the tokenizer.json that transformers makes of "
            "this kind beside it"
        )
    if proto.trainer_spec.treat_whitespace_as_suffix:
        raise UserError(f"{path}: treat_whitespace_as_suffix: expected false, found true")
    return proto
