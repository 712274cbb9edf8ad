"""What is odd in a hidden test costs its own elements their prediction, and nothing else."""

import csv
import json
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipeline.bundle import prepare
from pipeline.bundle import time_limit as clocks
from pipeline.bundle.infer import infer, predict_folds
from pipeline.bundle.time_limit import Clock
from pipeline.errors import UserError
from tests.bundle.graph import MODEL


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
    assert [lap["part"] for lap in told["laps"]] == ["clean, tokenize, baseline", MODEL, MODEL]


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
    reason = "No such file or directory"
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
    assert str(error.value) == f"{path}: found no id below the header, expected some"


def test_a_table_that_can_not_be_read_is_no_submission_of_priors(
    bundle: Path, competition: Path
) -> None:
    (competition / "test.csv").write_text("id\n1\n")
    with pytest.raises(UserError) as error:
        _infer(bundle, competition)
    assert str(error.value) == f"{competition}: test.csv: no column 'discourse_id'"


def test_a_fold_of_broken_weights_leaves_priors(bundle: Path, competition: Path) -> None:
    path = bundle / f"models/{MODEL}/fold1/model.safetensors"
    tensors = load_file(path)
    tensors["classifier.bias"][:] = np.nan
    save_file(tensors, path, metadata={"format": "pt"})
    found = _infer(bundle, competition)
    priors = json.loads((bundle / "ensemble.json").read_text())["priors"]
    for row in _test_rows(competition):
        expected = priors[row["discourse_type"]]
        np.testing.assert_allclose(found[row["discourse_id"]], expected, atol=1e-6)


def test_folds_that_would_not_be_done_in_time_are_left_out(
    bundle: Path, competition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no time left there is one fold, whose mean is itself: as if it were both."""
    found = _infer(bundle, competition, limit=0.0)
    assert f"{MODEL} fold 1: left out, it would not be done in time\n" in capsys.readouterr().out
    only = bundle / f"models/{MODEL}/fold0/model.safetensors"
    (bundle / f"models/{MODEL}/fold1/model.safetensors").write_bytes(only.read_bytes())
    _close(found, _infer(bundle, competition))


def test_a_model_is_the_mean_of_the_folds_that_were_done() -> None:
    def constant(fold: int) -> np.ndarray:
        return np.full((2, 3), fold + 1.0)

    models = {"one": constant, "other": constant}
    folds = range(4)
    enough = predict_folds(models, folds, Clock(time.time()))
    none = predict_folds(models, folds, Clock(time.time(), limit=0.0))
    assert {name: found.tolist() for name, found in enough.items()} == {
        "one": [[2.5] * 3] * 2,
        "other": [[2.5] * 3] * 2,
    }
    assert {name: found.tolist() for name, found in none.items()} == {
        "one": [[1.0] * 3] * 2,
        "other": [[1.0] * 3] * 2,
    }


def test_the_clock_tells_what_is_left_of_the_session(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(clocks.time, "time", lambda: now)
    clock = Clock(started=now)
    now += 3600.0
    clock.lap("read")
    now += 1200.0
    clock.lap("large", "large fold 0", ["small", "large", "small"])
    now += 60.0
    clock.lap("small", "small fold 0", ["large", "small"])
    assert clock.elapsed == 4860.0
    assert capsys.readouterr().out.splitlines() == [
        "read: 3600.0 s",
        "large fold 0: 1200.0 s; 3 folds to go in about 1 h 00 min, 7 h 40 min are left",
        "small fold 0: 60.0 s; 2 folds to go in about 21 min, 7 h 39 min are left",
    ]
    assert clock.allows("large")
    now = 1000.0 + 9 * 3600 - 600 - 1199
    assert not clock.allows("large")
    assert clock.allows("small")
