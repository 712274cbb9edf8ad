"""The tokenizer: special tokens, position limits, errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.competition.schema import TASK
from pipeline.errors import UserError
from pipeline.inputs.tokenizer import check_window, open_tokenizer, position_limit


def test_special_tokens_and_markers(wordpiece: Path, bytelevel: Path) -> None:
    bert, roberta = open_tokenizer(wordpiece, TASK), open_tokenizer(bytelevel, TASK)
    assert bert.special == ([2], [3])
    assert roberta.special == ([0], [2])
    assert bert.type_ids == [32, 33, 34, 35, 36, 37, 38]
    assert bert.marker_ids == [*bert.type_ids, 39]


def test_whole_texts_without_truncation(wordpiece: Path) -> None:
    first, second = open_tokenizer(wordpiece, TASK).encode(["A  b c d e f g", ""])
    assert first.ids.tolist() == [4, 5, 6, 7, 8, 9, 10]
    assert first.offsets[:2].tolist() == [[0, 1], [3, 4]]
    assert second.ids.tolist() == []
    assert second.offsets.shape == (0, 2)
    assert np.issubdtype(second.offsets.dtype, np.integer)


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "modernbert", "max_position_embeddings": 8192, "pad_token_id": 9}, 8192),
        (
            {
                "model_type": "deberta-v2",
                "max_position_embeddings": 512,
                "position_biased_input": False,
            },
            None,
        ),
        ({"model_type": "deberta-v2", "max_position_embeddings": 512}, 512),
        ({"model_type": "t5"}, None),
        ({"model_type": "x", "max_position_embeddings": -1}, None),
    ],
)
def test_position_limit(config: dict[str, object], limit: int | None) -> None:
    assert position_limit(config) == limit


def test_window_against_positions(bytelevel: Path) -> None:
    check_window(bytelevel, 64)
    with pytest.raises(UserError, match=r"inputs\.window: 65 tokens.* for 64; expected at most 64"):
        check_window(bytelevel, 65)


def test_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.json: not found; run the backbone stage"):
        open_tokenizer(tmp_path, TASK)


def test_a_damaged_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="no tokenizer: "):
        open_tokenizer(tmp_path, TASK)


def test_a_tokenizer_without_markers(tmp_path: Path, wordpiece: Path) -> None:
    for path in wordpiece.iterdir():
        text = path.read_text().replace("[LEAD]", "[LOAD]")
        (tmp_path / path.name).write_text(text)
    json.loads((tmp_path / "tokenizer.json").read_text())
    with pytest.raises(UserError, match=r"tokenizer\.json: no token \[LEAD\]"):
        open_tokenizer(tmp_path, TASK)
