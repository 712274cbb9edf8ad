"""A backbone's tokenizer, and how long a sequence its encoder takes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.inputs import markers, markup

# Their position ids begin behind the padding token's id.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer")


class Encoded(NamedTuple):
    """One text's tokens, special ones aside."""

    ids: Int[np.ndarray, "tokens"]
    offsets: Int[np.ndarray, "tokens 2"]  # characters


@dataclass(frozen=True)
class Tokenizer:
    """What the mark-up and the windows need to know of a tokenizer."""

    backend: PreTrainedTokenizerBase
    special: tuple[list[int], list[int]]  # before and after every sequence
    type_ids: list[int]
    marker_ids: list[int]
    reserved: re.Pattern[str]

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Tokenize whole texts at once, without truncation, padding or special tokens."""
        if not texts:
            return []
        made = self.backend(
            list(texts),
            add_special_tokens=False,
            truncation=False,
            padding=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        return [
            Encoded(np.array(ids, np.int64), np.array(offsets, np.int64).reshape(-1, 2))
            for ids, offsets in zip(made["input_ids"], made["offset_mapping"], strict=True)
        ]


def open_tokenizer(folder: Path) -> Tokenizer:
    """Open a backbone's tokenizer.

    Raises:
      UserError: there is none, it gives no offsets, or it lacks the markers.
    """
    if not (folder / "tokenizer.json").is_file():
        raise UserError(f"{folder / 'tokenizer.json'}: not found; run the backbone stage first")
    try:
        backend = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no tokenizer: {' '.join(str(error).split())}") from None
    if not backend.is_fast:
        raise UserError(f"{folder}: expected a fast tokenizer, one that gives offsets")
    vocabulary = backend.get_vocab()
    missing = [marker for marker in markers.ALL if marker not in vocabulary]
    if missing:
        raise UserError(
            f"{folder / 'tokenizer.json'}: no token {missing[0]}; run the backbone stage again"
        )
    return Tokenizer(
        backend=backend,
        special=_special(backend),
        type_ids=[vocabulary[marker] for marker in markers.MARKERS.values()],
        marker_ids=[vocabulary[marker] for marker in markers.ALL],
        reserved=markup.reserve([*backend.all_special_tokens, *markers.ALL]),
    )


def _special(backend: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The ids that the tokenizer puts before and after a sequence."""
    made = backend("a", return_special_tokens_mask=True)
    ids, mask = made["input_ids"], made["special_tokens_mask"]
    first, last = mask.index(0), len(mask) - mask[::-1].index(0)
    return ids[:first], ids[last:]


def position_limit(config: Mapping[str, Any]) -> int | None:
    """The longest sequence that an encoder has positions for; None where nothing bounds it."""
    positions = config.get("max_position_embeddings") or -1
    kind = config.get("model_type")
    if positions < 0 or (
        kind in ("deberta", "deberta-v2") and not config.get("position_biased_input", True)
    ):
        return None
    if kind in _OFFSET_POSITIONS:
        return positions - config.get("pad_token_id", 1) - 1
    return positions


def check_window(folder: Path, window: int) -> None:
    """Hold a window's length against a backbone's positions.

    Raises:
      UserError: the window is longer.
    """
    limit = position_limit(read_json(folder / "config.json"))
    if limit is not None and window > limit:
        raise UserError(
            f"inputs.window: {window} tokens, but {folder / 'config.json'} has positions "
            f"for {limit}; expected at most {limit}"
        )
