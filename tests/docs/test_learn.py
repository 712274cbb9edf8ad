"""docs/learn.md is true: its code runs, its figures are those that the script draws."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.files import read_json
from tests.docs.page import LESSONS, PAGE, ROOT, run, run_library

FIGURES = ROOT / "docs/figures"


@pytest.mark.slow
def test_pmap_shard_map_and_nnx_take_the_same_steps(tmp_path: Path):
    """They print the same loss, which has fallen from log 3 = 1.0986."""
    printed = run("\n".join(LESSONS), tmp_path)
    found = {
        name: float(loss)
        for line in printed
        if (match := re.fullmatch(r"(.+), loss (\d\.\d{4})", line))
        for name, loss in [match.groups()]
    }
    assert list(found) == ["8 devices", "shard_map", "NNX"]
    losses = list(found.values())
    assert losses == pytest.approx([losses[0]] * 3, abs=2e-4)
    assert losses[0] < 0.6


def test_the_first_block_has_forty_lines():
    assert "in forty lines" in PAGE
    assert len(LESSONS[0].splitlines()) == 40


@pytest.mark.slow
def test_from_the_hub_to_logits_and_a_folder(tmp_path: Path):
    """The sentence has two special tokens at least, and there are three classes."""
    run_library(tmp_path)
    logits = np.load(tmp_path / "logits.npy")
    assert logits.ndim == 3
    assert logits.shape[0] == 1
    assert logits.shape[1] > 2
    assert logits.shape[2] == 3
    assert np.isfinite(logits).all()
    config = read_json(tmp_path / "exported/config.json")
    assert config["architectures"] == ["BertForTokenClassification"]


@pytest.mark.parametrize("name", re.findall(r"\]\(figures/([\w.]+)\)", PAGE))
def test_figures_are_those_of_the_script(name: str, tmp_path: Path):
    spec = importlib.util.spec_from_file_location("draw", FIGURES / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    draw.FIGURES[name]().write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == (FIGURES / name).read_bytes()


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)|`(pipeline/[\w/.]+)`", PAGE))
def test_links_lead_somewhere(path: tuple[str, str]):
    link, file = path
    assert (ROOT / file if file else ROOT / "docs" / link).exists()
