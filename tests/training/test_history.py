"""Curves survive a kill: what was logged after the last save is logged again, once."""

from pathlib import Path

import pytest

from pipeline.training.history import History, Validation, write_history


def test_a_resumed_history_equals_an_uninterrupted_one() -> None:
    whole = History(total=6)
    for step in range(1, 7):
        whole.train(step, step / 6, loss=1.0 / step, norm=float(step))
    whole.validation(6, 1.0, Validation(0.5))

    killed = History(total=6)
    for step in range(1, 4):
        killed.train(step, step / 6, loss=1.0 / step, norm=float(step))
    saved = killed.state()
    killed.train(4, 4 / 6, loss=9.0, norm=9.0)  # after the save, and lost with the kill

    resumed = History(total=6, saved=saved)
    for step in range(4, 7):
        resumed.train(step, step / 6, loss=1.0 / step, norm=float(step))
    resumed.validation(6, 1.0, Validation(0.5))
    assert resumed.points == whole.points


def test_long_runs_log_means_and_keep_what_is_not_logged_yet() -> None:
    history = History(total=600)  # a point every three steps
    for step, loss in enumerate([1.0, 2.0, 6.0, 5.0], 1):
        history.train(step, step / 100, loss, norm=10.0 * step)
    assert history.points == [[3, 0.03, "train", 3.0], [3, 0.03, "gradient", 20.0]]
    saved = history.state()
    history.train(5, 0.05, 4.0, 1.0)
    history.validation(5, 0.05, Validation(3.0))
    points = [[3, 0.03, "train", 3.0], [3, 0.03, "gradient", 20.0]]
    assert saved == {"points": points, "pending": [[5.0, 40.0]]}, "a save is not live"


def test_the_tidy_table_is_written_as_csv(tmp_path: Path) -> None:
    write_history(tmp_path / "h.csv", [[1, 0.5, "train", 1.25], [2, 1.0, "validation", 1.0]])
    assert (tmp_path / "h.csv").read_text() == (
        "step,epoch,series,loss\n1,0.5,train,1.25\n2,1.0,validation,1.0\n"
    )


@pytest.mark.parametrize("total", [1, 200, 201])
def test_short_runs_log_every_step(total: int) -> None:
    history = History(total)
    history.train(1, 0.1, 1.0, 2.0)
    assert history.points == [[1, 0.1, "train", 1.0], [1, 0.1, "gradient", 2.0]]
