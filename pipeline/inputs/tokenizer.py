"""A backbone's tokenizer, and the longest sequence that its encoder takes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tokenizers
from jaxtyping import Int

from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.inputs import markers, markup
from pipeline.task import Task

# Their position ids begin behind the padding token's id.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer")


class Encoded(NamedTuple):
    """One text's tokens, special ones aside."""

    ids: Int[np.ndarray, "tokens"]
    offsets: Int[np.ndarray, "tokens 2"]  # characters


@dataclass(frozen=True)
class Tokenizer:
    """Tokenizing as the mark-up and the windows need it."""

    backend: tokenizers.Tokenizer
    special: tuple[list[int], list[int]]  # before and after every sequence
    type_ids: list[int]
    marker_ids: list[int]
    reserved: re.Pattern[str]

    @property
    def special_ids(self) -> frozenset[int]:
        """The ids of all special tokens, markers among them: what no text can write."""
        added = self.backend.get_added_tokens_decoder()
        return frozenset(i for i, token in added.items() if token.special)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Tokenize whole texts at once, without truncation, padding or special tokens."""
        return [
            Encoded(np.array(one.ids, np.int64), np.array(one.offsets, np.int64).reshape(-1, 2))
            for one in self.backend.encode_batch(list(texts), add_special_tokens=False)
        ]


def open_tokenizer(folder: Path, task: Task) -> Tokenizer:
    """Open a backbone's tokenizer.

    The file is read as it is: transformers would build some classes anew, in their own way.

    Args:
      folder: the backbone's.
      task: names the markers.

    Raises:
      UserError: there is none, or it lacks the markers.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path}: not found; run the backbone stage first")
    try:
        backend = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path}: no tokenizer: {' '.join(str(error).split())}") from None
    backend.no_truncation()
    backend.no_padding()
    vocabulary = backend.get_vocab()
    types = tuple(task.markers.values())
    every = markers.with_paragraph(types)
    missing = [marker for marker in every if marker not in vocabulary]
    if missing:
        raise UserError(f"{path}: no token {missing[0]}; run the backbone stage again")
    special = [token for token in backend.get_added_tokens_decoder().values() if token.special]
    return Tokenizer(
        backend=backend,
        special=_special(backend),
        type_ids=[vocabulary[marker] for marker in types],
        marker_ids=[vocabulary[marker] for marker in every],
        reserved=markup.reserve([*(token.content for token in special), *every]),
    )


def _special(backend: tokenizers.Tokenizer) -> tuple[list[int], list[int]]:
    """Return the ids that the tokenizer puts before and after a sequence."""
    made = backend.encode("a")
    mask = made.special_tokens_mask
    first, last = mask.index(0), len(mask) - mask[::-1].index(0)
    return made.ids[:first], made.ids[last:]


def position_limit(config: Mapping[str, Any]) -> int | None:
    """Return the longest sequence that an encoder has positions for; None if nothing bounds it."""
    positions = config.get("max_position_embeddings") or -1
    kind = config.get("model_type")
    if positions < 0 or (
        kind in ("deberta", "deberta-v2") and not config.get("position_biased_input", True)
    ):
        return None
    if kind in _OFFSET_POSITIONS:
        return positions - config.get("pad_token_id", 1) - 1
    return positions


def check_window(folder: Path, window: int, key: str = "inputs.window") -> None:
    """Hold a window's length against a backbone's positions; `key` is for the message.

    Raises:
      UserError: the window is longer.
    """
    limit = position_limit(read_json(folder / "config.json"))
    if limit is not None and window > limit:
        raise UserError(
            f"{key}: {window} tokens, but {folder / 'config.json'} has positions "
            f"for {limit}; expected at most {limit}"
        )
