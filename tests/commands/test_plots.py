"""`make plots`: the figures above DVC's plots."""

from pathlib import Path

import pytest

from commands.plots import PAGE, main
from pipeline import paths
from pipeline.errors import UserError
from pipeline.files import write_json, write_text

BLEND = {"log_loss": 0.71394, "log_loss_low": 0.679274, "log_loss_high": 0.74964}
ONE = BLEND | {"log_loss": 0.768856, "accuracy": 0.657855, "ece": 0.10272, "partial": True}


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(PAGE, "<header><!-- figures --></header>")


def test_the_best_comes_first_and_what_is_not_there_is_a_dash() -> None:
    write_json(paths.metrics("a"), ONE)
    write_json(paths.metrics("ensemble"), BLEND | {"partial": False})
    main()
    text = PAGE.read_text(encoding="utf-8")
    first = (
        '<tr><th scope="row">ensemble</th><td>0.7139</td><td>0.6793 to 0.7496</td><td>–</td>'
        "<td>–</td></tr>"
    )
    second = (
        '<tr><th scope="row">a, partial</th><td>0.7689</td><td>0.6793 to 0.7496</td>'
        "<td>65.8%</td><td>0.1027</td></tr>"
    )
    assert f"{first}\n{second}" in text
    assert text.startswith("<header>")
    assert text.endswith("</header>")


def test_without_figures_or_a_place_nothing_is_written() -> None:
    before = PAGE.read_bytes()
    with pytest.raises(UserError, match="metrics: no figures; run dvc repro"):
        main()
    assert PAGE.read_bytes() == before
    write_json(paths.metrics("a"), ONE)
    write_text(PAGE, "<header></header>")
    with pytest.raises(UserError, match="no place for figures"):
        main()
