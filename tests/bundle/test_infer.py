"""What is odd in a hidden test costs its own elements their prediction, and nothing else."""

import csv
import json
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from pipeline.bundle import prepare
from pipeline.bundle.infer import infer
from pipeline.bundle.time_limit import Clock
from pipeline.errors import UserError
from pipeline.tables.elements import read_elements
from pipeline.tables.gather import gather_members, gather_tests
from tests.bundle.graph import MODEL, UNITS
from tests.configurations import SMALL


def _read(path: Path) -> dict[str, list[float]]:
    with path.open(newline="") as stream:
        return {row[0]: [float(cell) for cell in row[1:]] for row in list(csv.reader(stream))[1:]}


def _infer(bundle: Path, competition: Path, limit: float = 1e6) -> dict[str, list[float]]:
    output = bundle.parent / "output"
    output.mkdir(exist_ok=True)
    infer(bundle, competition, output, Clock(time.time(), limit))
    return _read(output / "submission.csv")


def _close(found: dict[str, list[float]], expected: dict[str, list[float]]) -> None:
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-6)


def _test_rows(competition: Path) -> list[dict[str, str]]:
    with (competition / "test.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def _write_rows(competition: Path, rows: list[dict[str, str]]) -> None:
    with (competition / "test.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def test_it_ends_in_the_graph_s_own_submission(bundle: Path, competition: Path) -> None:
    found, expected = _infer(bundle, competition), _read(Path("submission.csv"))
    assert list(found) == list(expected)
    _close(found, expected)
    told = json.loads((bundle.parent / "output/inference.json").read_text())
    assert (told["platform"], told["dtypes"]) == ("cpu", {MODEL: "float32"})
    assert (told["rows"], told["rows_without_prediction"]) == (len(found), 0)
    assert [lap["part"] for lap in told["laps"]] == [
        "clean, tokenize, baseline",
        "compilation, a step",
        *[MODEL] * len(UNITS),
    ]


def test_the_hidden_test_s_time_is_told(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _infer(bundle, competition, limit=9 * 3600.0)
    told = json.loads((bundle.parent / "output/inference.json").read_text())
    forecast = told["forecast"]
    assert (forecast["essays"], forecast["limit"], forecast["folds"]) == (3000, 32400.0, {MODEL: 4})
    assert forecast["done"] == {MODEL: 4}
    assert forecast["seconds"] > told["laps"][0]["seconds"]
    assert re.search(
        r"^forecast: 3,000 essays take about \d+ (s|min) of 9 h 00 min$",
        capsys.readouterr().out,
        re.MULTILINE,
    )


def _baseline_alone(order: Iterable[str]) -> list[list[float]]:
    """The baseline's test predictions under a pool of its own, fitted by scipy's BFGS."""
    elements = read_elements()
    oof = gather_members(["baseline"], [0, 1], elements)[:, 0]
    truth, ridge = np.eye(3)[elements.labels], SMALL["ensemble"]["ridge"]

    def loss(theta: np.ndarray) -> float:
        logs = log_softmax(theta[0] * np.log(oof) + theta[1:], axis=1)
        away = theta - [1.0, 0.0, 0.0, 0.0]
        return -(truth * logs).sum() + len(truth) * ridge * away @ away

    theta = minimize(loss, np.array([1.0, 0.0, 0.0, 0.0]), tol=1e-9).x
    mean = gather_tests({"baseline": [0, 1]}, list(order))[:, 0]
    return softmax(theta[0] * np.log(mean) + theta[1:], axis=1).tolist()


def test_without_time_for_any_fold_the_baseline_predicts_alone(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _infer(bundle, competition, limit=0.0)
    np.testing.assert_allclose(list(found.values()), _baseline_alone(found), atol=1e-4)
    said = capsys.readouterr().out
    line = rf"^{MODEL}: left out, not one fold would be done in time \(about \d+ s each\)$"
    assert re.search(line, said, re.MULTILINE)
    assert f"{len(found)} elements are blended without {MODEL}\n" in said
    told = json.loads((bundle.parent / "output/inference.json").read_text())
    assert (told["folds"], told["rows_without_prediction"]) == ({MODEL: 0}, 0)
    assert told["forecast"]["done"] == {MODEL: 0}


def test_chunks_of_essays_change_nothing(
    bundle: Path, competition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two essays at a time: elements of later chunks are numbered on, in every store."""
    monkeypatch.setattr(prepare, "CHUNK", 2)
    _close(_infer(bundle, competition), _read(Path("submission.csv")))


def test_odd_rows_get_priors_and_the_others_their_predictions(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _test_rows(competition)
    essays = list(dict.fromkeys(row["essay_id"] for row in rows))
    lost, strange = essays[1], essays[3]
    (competition / f"test/{lost}.txt").unlink()
    changed = next(row for row in rows if row["essay_id"] == strange)
    changed["discourse_type"] = "Digression"
    _write_rows(competition, [*rows, rows[0], {**rows[0], "discourse_id": ""}])
    with (competition / "sample_submission.csv").open("a") as stream:
        stream.write("not-in-the-test,1,1,1\n")
    found, graph = _infer(bundle, competition), _read(Path("submission.csv"))
    priors = json.loads((bundle / "ensemble.json").read_text())["priors"]
    for row in rows:
        prior = priors.get(row["discourse_type"], priors[""])
        if row["essay_id"] == strange and row is not changed:
            # Beside an element that is not marked any more, so the graph's are others.
            assert np.abs(np.subtract(found[row["discourse_id"]], prior)).max() > 1e-6
            continue
        odd = row["essay_id"] == lost or row is changed
        expected = prior if odd else graph[row["discourse_id"]]
        np.testing.assert_allclose(found[row["discourse_id"]], expected, atol=1e-6)
    np.testing.assert_allclose(found["not-in-the-test"], priors[""], atol=1e-6)
    assert sum(row["essay_id"] == strange for row in rows) > 1
    n_lost = sum(row["essay_id"] == lost for row in rows)
    said = capsys.readouterr().out
    reason = "not found"
    assert f"odd: essay '{lost}' ({n_lost} elements): {lost}.txt: {reason}\n" in said
    assert (
        "odd: test.csv: 1 rows with an unknown discourse_type: the first is discourse_id "
        f"'{changed['discourse_id']}' with 'Digression'\n"
    ) in said
    assert "odd: test.csv: 1 rows with an id seen before\n" in said
    assert "odd: test.csv: 1 rows with no id\n" in said
    assert f"{n_lost + 2} elements have no prediction: they get" in said


def test_rows_in_another_order_change_nothing_and_are_told(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _test_rows(competition)
    _write_rows(competition, sorted(rows, key=lambda row: len(row["discourse_text"].strip())))
    _close(_infer(bundle, competition), _read(Path("submission.csv")))
    said = capsys.readouterr().out
    assert re.search(r"odd: test.csv: \d+ rows are out of the order of their essay's text\n", said)


def test_texts_of_other_essays_do_not_end_the_run_and_are_told(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _test_rows(competition)
    for row in rows[1:]:
        row["discourse_text"] = f"Of another essay, {row['discourse_id']}."
    _write_rows(competition, rows)
    assert len(_infer(bundle, competition)) == len(rows)
    assert (
        f"odd: test.csv: {len(rows) - 1:,} of {len(rows):,} elements do not stand in their essay, "
        f"the first is discourse_id '{rows[1]['discourse_id']}' of essay "
        f"'{rows[1]['essay_id']}'; their texts are inserted\n"
    ) in capsys.readouterr().out


def test_a_text_that_is_not_utf8_is_still_read(bundle: Path, competition: Path) -> None:
    essay = _test_rows(competition)[0]["essay_id"]
    path = competition / f"test/{essay}.txt"
    path.write_bytes(path.read_bytes() + b" \xff\xfe")
    _infer(bundle, competition)
    told = json.loads((bundle.parent / "output/inference.json").read_text())
    assert told["rows_without_prediction"] == 0


def test_more_elements_than_the_configuration_has_slots_are_predicted(
    bundle: Path, competition: Path
) -> None:
    rows = _test_rows(competition)
    many = [{**rows[0], "discourse_id": f"more{i}", "discourse_text": "So."} for i in range(40)]
    _write_rows(competition, [*rows, *many])
    (competition / "sample_submission.csv").unlink()
    found = _infer(bundle, competition)
    told = json.loads((bundle.parent / "output/inference.json").read_text())
    assert told["rows_without_prediction"] == 0
    assert set(found) == {row["discourse_id"] for row in [*rows, *many]}


def test_where_most_essays_fail_the_run_does(bundle: Path, competition: Path) -> None:
    for path in sorted((competition / "test").iterdir())[:3]:
        path.unlink()
    with pytest.raises(UserError, match=r"^3 of 5 essays and 21 of 27 elements failed: essay '"):
        _infer(bundle, competition)
    assert not (bundle.parent / "output/submission.csv").exists()


def test_where_most_types_are_unknown_the_run_fails(bundle: Path, competition: Path) -> None:
    """Every essay still has elements that are known."""
    rows = _test_rows(competition)
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row["essay_id"]] += 1
        if seen[row["essay_id"]] > 1:
            row["discourse_type"] = row["discourse_type"].upper()
    _write_rows(competition, rows)
    with pytest.raises(UserError) as error:
        _infer(bundle, competition)
    assert str(error.value).startswith(
        f"0 of 5 essays and {len(rows) - 5} of {len(rows)} elements failed: test.csv: "
        f"{len(rows) - 5} rows with an unknown discourse_type: the first is discourse_id "
    )


def test_a_header_alone_is_one_line(bundle: Path, competition: Path) -> None:
    path = competition / "test.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(UserError) as error:
        _infer(bundle, competition)
    line = f"{competition}: test.csv: found no id below the header, expected some"
    assert str(error.value) == line


def test_a_table_that_can_not_be_read_is_no_submission_of_priors(
    bundle: Path, competition: Path
) -> None:
    (competition / "test.csv").write_text("id\n1\n")
    with pytest.raises(UserError) as error:
        _infer(bundle, competition)
    assert str(error.value) == f"{competition}: test.csv: no column 'discourse_id'"


def test_a_fold_that_overflows_leaves_the_baseline(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bundle / f"models/{MODEL}/fold1/model.safetensors"
    tensors = load_file(path)
    tensors["classifier.weight"][:] = np.finfo(np.float32).max
    save_file(tensors, path, metadata={"format": "pt"})
    found = _infer(bundle, competition)
    np.testing.assert_allclose(list(found.values()), _baseline_alone(found), atol=1e-4)
    assert f"{len(found)} elements are blended without {MODEL}\n" in capsys.readouterr().out


def test_what_float16_can_not_hold_is_predicted_in_float32(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A feed-forward layer of one fold beyond 65,504: its elements keep their predictions."""
    path = bundle / f"models/{MODEL}/fold1/model.safetensors"
    tensors = load_file(path)
    name = "bert.encoder.layer.0.intermediate.dense.bias"
    tensors[name] = tensors[name] + np.float32(1e6)
    save_file(tensors, path, metadata={"format": "pt"})
    expected = _infer(bundle, competition)
    parameters = (bundle / "params.yaml").read_text()
    half = parameters.replace("predict: {", "predict: {dtype: float16, ")
    (bundle / "params.yaml").write_text(half)
    capsys.readouterr()
    found = _infer(bundle, competition)
    said = capsys.readouterr().out
    assert re.search(r"^on \d+ cpu device\(s\), float16$", said, re.MULTILINE)
    line = f"{MODEL} fold 1: a logit is not finite in float16, float32 from here on\n"
    assert said.count(line) == 1
    told = json.loads((bundle.parent / "output/inference.json").read_text())
    assert (told["dtypes"], told["rows_without_prediction"]) == ({MODEL: "float32"}, 0)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=0.01)


def test_folds_that_would_not_be_done_in_time_are_left_out(
    bundle: Path,
    competition: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With time for one fold its mean is itself: as if it were all of them."""
    monkeypatch.setattr(Clock, "allows", lambda clock, part: part not in dict(clock.laps))
    found = _infer(bundle, competition)
    said = capsys.readouterr().out
    for unit in UNITS[1:]:
        assert f"{MODEL} fold {unit}: left out, it would not be done in time\n" in said
    monkeypatch.undo()
    monkeypatch.chdir(bundle.parent.parent)
    only = bundle / f"models/{MODEL}/fold0/model.safetensors"
    for unit in UNITS[1:]:
        (bundle / f"models/{MODEL}/{unit.name}/model.safetensors").write_bytes(only.read_bytes())
    _close(found, _infer(bundle, competition))
