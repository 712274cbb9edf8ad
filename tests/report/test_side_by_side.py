"""The page of a comparison: the figures of its parts, by hand; its essays; safety."""

import re
from pathlib import Path

import numpy as np
import pytest

from commands import compare as command
from pipeline import paths
from pipeline.errors import UserError
from pipeline.report.side_by_side import PAGE
from pipeline.tables.predictions import read_predictions, write_predictions
from tests.report.project import FOLDS, write_run
from tests.report.test_page import Outline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose baseline is surer of the truth by half than m in fold 1, and there alone."""
    made = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        elements = write_run()
        rows = np.full((len(elements), 3), 0.3)
        rows[np.arange(len(elements)), elements.labels] = 0.4
        surer = elements.folds == 1
        rows[surer] = 0.2
        rows[surer, elements.labels[surer]] = 0.6
        write_predictions(paths.oof("baseline"), elements.element_ids, elements.folds, rows)
        even = np.full((len(elements), 3), 0.3)
        even[np.arange(len(elements)), elements.labels] = 0.4
        for fold in FOLDS:
            own = elements.folds == fold
            ids = [name for name, mine in zip(elements.element_ids, own, strict=True) if mine]
            table = paths.fold("m") / f"fold{fold}/oof.parquet"
            write_predictions(table, ids, elements.folds[own], even[own])
    return made


@pytest.fixture
def text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    command.main(["--a=baseline", "--b=m", "--page"])
    return PAGE.read_text(encoding="utf-8")


def test_the_difference_stands_in_the_fold_that_has_it(text: str):
    # log 0.4 - log 0.6, in a third of the essays.
    assert re.search(r'<th scope="row">fold 0</th><td>0\.0000</td><td>0\.0000 to 0\.0000', text)
    assert re.search(r'<th scope="row">fold 1</th><td>-0\.4055</td><td>-0\.4055 to', text)
    assert "<strong>-0.1352</strong>" in text
    assert "A is better on 10 essays, B on 0." in text


def test_parts_are_those_of_the_report(text: str):
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert titles[:3] == ["A - B by fold", "A - B by type", "A - B by label"]
    assert titles[-1] == "Essays by their mean A - B"


def test_essays_are_told_by_both_sides(text: str):
    better, worse = text.split("Essays that B is better on")
    assert better.count('<details class="essay">') == 8
    assert "None." in worse
    first = better[better.index('<details class="essay">') :]
    assert "A - B -0.4055" in first
    assert re.search(r"A predicts <b>\w+</b>\s*<span class=\"muted\">.*loss 0\.51", first)
    assert re.search(r"B predicts <b>\w+</b>\s*<span class=\"muted\">.*loss 0\.92", first)


def test_essays_stay_text_and_the_page_needs_nothing(text: str):
    Outline(text)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"', text) == []


def test_a_partial_side_is_drawn_on_the_folds_that_both_have(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(folder)
    table = paths.fold("m") / "fold2/oof.parquet"
    kept = read_predictions(table)
    table.unlink()
    try:
        command.main(["--a=baseline", "--b=m", "--page"])
    finally:
        write_predictions(table, kept.element_ids, kept.folds, kept.probabilities)
    text = PAGE.read_text(encoding="utf-8")
    assert "B m has no fold 2." in text
    assert "folds 0, 1." in text
    assert ">fold 2<" not in text
    assert f"drawn in {PAGE}" in capsys.readouterr().out


def test_nothing_is_drawn_unless_asked(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    PAGE.unlink(missing_ok=True)
    command.main(["--a=baseline", "--b=m"])
    assert not PAGE.exists()


def test_an_unknown_side_draws_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    PAGE.unlink(missing_ok=True)
    with pytest.raises(UserError):
        command.main(["--a=baseline", "--b=m:7", "--page"])
    assert not PAGE.exists()
