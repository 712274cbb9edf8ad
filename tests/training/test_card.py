"""The model card of an exported fold: its words, its head, no path of the machine."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import params
from pipeline.competition.address import COMPETITION
from pipeline.competition.schema import MARKERS, TASK
from pipeline.training.card import card
from pipeline.training.job import Job
from pipeline.units import NO_FOLD, Unit
from tests.configurations import section
from tests.training.tiny import options

COMMIT = "ab" * 20
HUB = {"source": "org/some-model", "revision": "main", "commit": COMMIT}
FIGURES = {"log_loss": 0.63746, "accuracy": 0.717557, "elements": 1393, "step": 176, "steps": 176}


def job(unit: Unit) -> Job:
    return Job(
        model="m", encoder="bert", unit=unit, labels=Path("data/clean/train"), train=options(),
        compute=section(params.Compute), session=section(params.Session),
    )  # fmt: skip


def head(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text.split("---\n")[1])


def test_a_fold_tells_its_scores_and_where_it_began() -> None:
    text = card(job(Unit(2, 7)), TASK, COMPETITION, HUB, FIGURES)
    assert head(text) == {
        "library_name": "transformers",
        "pipeline_tag": "token-classification",
        "tags": ["feedback-prize-effectiveness", "jax", "flax"],
        "metrics": ["log_loss", "accuracy"],
        "base_model": "org/some-model",
    }
    assert "\n# m, fold 2-seed7\n" in text
    assert (
        "It was trained under seed 7 for 176 steps without the essays of fold 2 of "
        "data/folds.parquet. On their 1,393 elements its log loss is 0.6375 and its accuracy "
        "0.7176. It began as org/some-model at commit "
        f"{COMMIT}, whose licence holds."
    ) in text
    assert all(f"`{marker}` {kind}" in text for kind, marker in MARKERS.items())
    assert text == card(job(Unit(2, 7)), TASK, COMPETITION, HUB, FIGURES)


def test_the_best_step_is_named() -> None:
    text = card(job(Unit(0)), TASK, COMPETITION, HUB, FIGURES | {"step": 88})
    assert "for 176 steps, of which step 88 had the best evaluation without" in text


def test_a_full_fit_has_no_score() -> None:
    text = card(
        job(Unit(NO_FOLD)), TASK, COMPETITION, HUB, {"essays": 4191, "step": 90, "steps": 90}
    )
    assert "on all 4,191 essays, so it has no score of its own." in text
    assert "\n# m, full\n" in text


def test_a_folder_is_not_named() -> None:
    mine = {"source": "secret/models", "sha256": "cd" * 32, "files": {"config.json": "ef" * 32}}
    text = card(job(Unit(0)), TASK, COMPETITION, mine, FIGURES)
    assert "secret" not in text
    assert "It began as a checkpoint in a folder." in text
    drawn = {"source": "builtin:tiny", "seed": 1}
    assert "It began untrained." in card(job(Unit(0)), TASK, COMPETITION, drawn, FIGURES)
    assert "base_model" not in head(text)


@pytest.mark.parametrize("unit", [Unit(0), Unit(1, 3)])
def test_the_code_is_about_ten_lines(unit: Unit) -> None:
    (code,) = re.findall(
        r"```python\n(.*?)```", card(job(unit), TASK, COMPETITION, HUB, FIGURES), re.S
    )
    compile(code, "card", "exec")
    assert len([line for line in code.splitlines() if line]) <= 15
