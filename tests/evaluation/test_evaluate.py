"""A model's evaluation, from the folds' files to figures and plot data."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from pipeline import paths
from pipeline.errors import UserError
from pipeline.files import sha256
from pipeline.tables.elements import Elements
from pipeline.tables.predictions import read_predictions, write_predictions
from pipeline.units import NO_FOLD, Unit
from stages import evaluate as stage
from tests.configurations import write_members
from tests.evaluation.project import predict, write_folds, write_project


@pytest.fixture
def elements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elements:
    monkeypatch.chdir(tmp_path)
    write_members(models=["m"])
    return write_project()


def table(path: Path) -> list[list[str]]:
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def test_figures_by_fold_and_type_agree_with_scikit_learn(
    elements: Elements, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = predict(elements, 0)
    write_folds("m", elements, rows, [0, 1, 2])
    stage.main(["--model", "m"])

    def expected(mask: np.ndarray) -> tuple[float, float]:
        labels, some = elements.labels[mask], rows[mask]
        loss = log_loss(labels, some, labels=[0, 1, 2])
        return round(loss, 6), round(accuracy_score(labels, some.argmax(axis=1)), 6)

    details = json.loads(paths.evaluation("m").read_text())
    whole = details["overall"]
    assert (whole["log_loss"], whole["accuracy"]) == expected(np.full(len(elements), True))
    for fold, found in details["folds"].items():
        assert (found["log_loss"], found["accuracy"]) == expected(elements.folds == int(fold))
    kinds = np.array(elements.types)
    assert set(details["types"]) == set(elements.types)
    for kind, found in details["types"].items():
        assert (found["log_loss"], found["accuracy"]) == expected(kinds == kind)
    assert sum(found["elements"] for found in details["types"].values()) == len(elements)
    assert details["essays"] == 30
    assert details["temperature"]["nested_log_loss"] > 0
    figures = json.loads(paths.metrics("m").read_text())
    low, high = whole["log_loss_interval"]
    assert low < whole["log_loss"] < high
    assert whole["accuracy_interval"][0] < whole["accuracy"] < whole["accuracy_interval"][1]
    assert figures == {
        "log_loss": whole["log_loss"],
        "accuracy": whole["accuracy"],
        "ece": whole["ece"],
        "log_loss_low": low,
        "log_loss_high": high,
        "partial": False,
        "folds": 3,
    }
    classes, types = details["priors"]["classes"], details["priors"]["types"]
    assert capsys.readouterr().out == (
        f"evaluate@m: log loss {whole['log_loss']:.4f} [95 % by essay: {low:.4f} to {high:.4f}]; "
        f"class priors {classes:.4f}, by type {types:.4f}; metrics/m.json\n"
    )


def test_the_out_of_fold_table_has_every_element_once_in_order(elements: Elements) -> None:
    rows = predict(elements, 0)
    write_folds("m", elements, rows, [0, 1, 2])
    stage.main(["--model", "m"])
    oof = read_predictions(paths.oof("m"))
    assert oof.element_ids == elements.element_ids
    assert oof.folds.tolist() == elements.folds.tolist()
    np.testing.assert_array_equal(oof.probabilities, rows)


def test_plot_data_is_tidy(elements: Elements) -> None:
    rows = predict(elements, 0)
    write_folds("m", elements, rows, [0, 1, 2])
    stage.main(["--model", "m"])
    learning = table(paths.plots("m") / "learning.csv")
    assert learning[:4] == [
        ["model", "fold", "step", "epoch", "series", "loss"],
        ["m", "0", "1", "0.5", "train", "1.0"],
        ["m", "0", "2", "1.0", "validation", "0.0"],
        ["m", "1", "1", "0.5", "train", "1.1"],
    ]
    assert len(learning) == 7
    confusion = table(paths.plots("m") / "confusion.csv")
    names = ["Ineffective", "Adequate", "Effective"]
    assert confusion[0] == ["actual", "predicted"]
    assert confusion[1:] == [
        [names[a], names[p]] for a, p in zip(elements.labels, rows.argmax(axis=1), strict=True)
    ]
    calibration = table(paths.plots("m") / "calibration.csv")
    assert calibration[0] == ["model", "bin", "confidence", "accuracy", "low", "high", "count"]
    assert sum(int(row[6]) for row in calibration[1:]) == len(elements)


def test_some_folds_are_partial_and_cover_their_essays_alone(
    elements: Elements, capsys: pytest.CaptureFixture[str]
) -> None:
    write_members([2, 0], ["m"])
    rows = predict(elements, 0)
    write_folds("m", elements, rows, [0, 2])
    stage.main(["--model", "m"])
    own = elements.folds != 1
    figures = json.loads(paths.metrics("m").read_text())
    assert figures["partial"] is True
    assert figures["folds"] == 2
    assert figures["log_loss"] == round(log_loss(elements.labels[own], rows[own]), 6)
    assert read_predictions(paths.oof("m")).element_ids == elements.select(own).element_ids
    assert "(partial: not all folds)" in capsys.readouterr().out


def test_a_second_run_gives_the_same_bytes(elements: Elements) -> None:
    write_folds("m", elements, predict(elements, 0), [0, 1, 2])
    made = [paths.oof("m"), paths.evaluation("m"), paths.metrics("m")]
    made += [paths.plots("m") / f"{n}.csv" for n in ("learning", "confusion", "calibration")]
    hashes = []
    for _ in range(2):
        stage.main(["--model", "m"])
        hashes.append([sha256(path) for path in made])
    assert hashes[0] == hashes[1]


def test_missing_and_left_over_folds_are_named(elements: Elements) -> None:
    rows = predict(elements, 0)
    write_folds("m", elements, rows, [0, 1])
    with pytest.raises(UserError) as error:
        stage.main(["--model", "m"])
    assert str(error.value) == "artifacts/folds/m: expected fold2 too, found fold0, fold1"
    write_folds("m", elements, rows, [2])
    write_members([1], ["m"])
    with pytest.raises(UserError) as error:
        stage.main(["--model", "m"])
    assert str(error.value) == (
        "artifacts/folds/m: fold0, fold2 is not in params.yaml; `make prune` removes leftovers"
    )
    assert not Path("artifacts/oof").exists()


def test_seeds_are_averaged_and_each_is_scored_alone(elements: Elements) -> None:
    write_members(models=["m"], seeds=[4])
    own, other = predict(elements, 0), predict(elements, 1)
    write_folds("m", elements, own, [0, 1, 2])
    with pytest.raises(UserError, match="expected fold0-seed4, fold1-seed4, fold2-seed4 too"):
        stage.main(["--model", "m"])
    write_folds("m", elements, other, [0, 1, 2], seed=4)
    stage.main(["--model", "m"])
    found = read_predictions(paths.oof("m"))
    assert found.element_ids == elements.element_ids
    np.testing.assert_allclose(found.probabilities, (own + other) / 2, rtol=0, atol=1e-12)
    details = json.loads(paths.evaluation("m").read_text())
    alone = {name: rows["log_loss"] for name, rows in details["seeds"].items()}
    assert alone == {
        "own": round(log_loss(elements.labels, own, labels=[0, 1, 2]), 6),
        "4": round(log_loss(elements.labels, other, labels=[0, 1, 2]), 6),
    }
    rows = table(paths.plots("m") / "learning.csv")
    names = ["0", "0-seed4", "1", "1-seed4", "2", "2-seed4"]
    assert list(dict.fromkeys(row[1] for row in rows[1:])) == names


def test_a_full_fit_has_a_learning_curve_and_moves_no_figure(elements: Elements) -> None:
    write_members(models=["m"], full=["m"])
    rows = predict(elements, 0)
    write_folds("m", elements, rows, [0, 1, 2])
    with pytest.raises(UserError, match=r"expected full too, found fold0, fold1, fold2$"):
        stage.main(["--model", "m"])
    full = paths.fold("m", Unit(NO_FOLD))
    full.mkdir()
    (full / "history.csv").write_text("step,epoch,series,loss\n1,0.5,train,9.0\n")
    stage.main(["--model", "m"])
    np.testing.assert_array_equal(read_predictions(paths.oof("m")).probabilities, rows)
    assert list(json.loads(paths.evaluation("m").read_text())["folds"]) == ["0", "1", "2"]
    learning = table(paths.plots("m") / "learning.csv")
    assert learning[-1] == ["m", "full", "1", "0.5", "train", "9.0"]
    assert len(learning) == 8


def test_a_fold_of_other_elements_is_refused(elements: Elements) -> None:
    rows = predict(elements, 0)
    write_folds("m", elements, rows, [0, 1, 2])
    path, own = paths.fold("m", Unit(1)) / "oof.parquet", elements.folds == 1
    ids = elements.select(own).element_ids
    write_predictions(path, [*ids[:-1], "stranger"], elements.folds[own], rows[own])
    with pytest.raises(UserError, match=r"1 missing \(the first: e28_3\), 1 unknown .*stranger"):
        stage.main(["--model", "m"])
    write_predictions(path, ids, np.full(len(ids), 2), rows[own])
    with pytest.raises(UserError, match=r"fold1/oof\.parquet: expected fold 1, found \[2\]"):
        stage.main(["--model", "m"])


def test_a_history_of_other_columns_is_refused(elements: Elements) -> None:
    write_folds("m", elements, predict(elements, 0), [0, 1, 2])
    (paths.fold("m", Unit(2)) / "history.csv").write_text("step,loss\n1,2\n")
    with pytest.raises(UserError, match=r"fold2/history\.csv: expected columns"):
        stage.main(["--model", "m"])
    (paths.fold("m", Unit(2)) / "history.csv").unlink()
    with pytest.raises(UserError, match=r"fold2/history\.csv: not found"):
        stage.main(["--model", "m"])
