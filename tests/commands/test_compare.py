"""`make compare`: one fold beside what git's last commit has of it, and beside other members."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import compare as command
from pipeline import paths
from pipeline.errors import UserError
from pipeline.tables.predictions import write_predictions
from pipeline.units import Unit
from tests import configurations

IDS = ["a", "b", "c", "d", "e", "f"]
ESSAYS = ["A", "A", "B", "C", "D", "D"]
LABELS = [0, 1, 2, 0, 1, 1]
FOLDS = {"A": 0, "B": 0, "C": 0, "D": 1}
Compare = Callable[..., list[str]]


def predictions(truth: float) -> np.ndarray:
    """Probabilities that give the truth this much, and share the rest."""
    out = np.full((len(IDS), 3), (1.0 - truth) / 2)
    out[np.arange(len(IDS)), LABELS] = truth
    return out


def write(path: Path, rows: np.ndarray, fold: int | None = None) -> None:
    folds = np.array([FOLDS[essay] for essay in ESSAYS])
    own = np.flatnonzero(folds == fold) if fold is not None else np.arange(len(IDS))
    write_predictions(path, [IDS[i] for i in own], folds[own], rows[own])


def _git(*arguments: str) -> None:
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *author, *arguments], check=True, capture_output=True)


def _dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fold as DVC has it and git's last commit names it, with a truth of one half."""
    folder = tmp_path_factory.mktemp("committed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        configurations.write_members([0], ["tiny"])
        elements = {"discourse_id": IDS, "essay_id": ESSAYS, "discourse_type": ["Claim"] * 6}
        table = pd.DataFrame(elements | {"label": LABELS})
        for path, frame in (
            (paths.clean("train") / "elements.parquet", table),
            (paths.FOLDS, pd.DataFrame({"essay_id": list(FOLDS), "fold": list(FOLDS.values())})),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.to_parquet(path)
        write(paths.oof("baseline"), predictions(0.4), 0)
        write(paths.fold("tiny", Unit(0)) / "oof.parquet", predictions(0.5), 0)
        Path("dvc.yaml").write_text(
            "stages:\n  train:\n    matrix: {model: [tiny], fold: [0]}\n    cmd: 'true ${item}'\n"
            "    outs: ['artifacts/folds/${item.model}/fold${item.fold}']\n"
        )
        _git("init", "--quiet")
        _dvc("init", "--quiet")
        _dvc("commit", "--force", "--quiet")
        Path(".gitignore").write_text("/artifacts\n/data\n")
        _git("add", "--all")
        _git("commit", "--quiet", "--message=Results")
    return folder


@pytest.fixture
def compare(
    committed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Compare:
    monkeypatch.chdir(shutil.copytree(committed, tmp_path / "copy", symlinks=True))

    def run(*arguments: str) -> list[str]:
        command.main(["--model", "tiny", "--fold", "0", *arguments])
        return capsys.readouterr().out.splitlines()

    return run


def rerun(rows: np.ndarray) -> None:
    """As `dvc repro` does: the former output is removed first."""
    shutil.rmtree(paths.fold("tiny", Unit(0)))
    write(paths.fold("tiny", Unit(0)) / "oof.parquet", rows, 0)


def test_a_fold_beside_its_former_self_and_the_baseline(compare: Compare):
    """Essays A, B and C stand in the fold, with elements a and b; c; d.

    Where each truth moves by the same, the interval is a point: log 0.5 - log 0.6.
    """
    rerun(predictions(0.6))
    assert compare() == [
        "train@tiny-0: log loss 0.5108 on 4 elements of 3 essays",
        "beside git's HEAD 0.6931: -0.1823 (95 % by essay: -0.1823 to -0.1823)",
        "beside baseline 0.9163: -0.4055 (95 % by essay: -0.4055 to -0.4055)",
    ]


def test_an_interval(compare: Compare):
    """Differences log 0.5 - log 0.6 twice in A; log 0.5 - log 0.4 in B; none in C.

    By hand: -0.1823216 twice, +0.2231436 and 0; their mean is -0.0353749. Essays stand off it by
    -0.2938934, 0.2585185 and 0.0353749; squares sum to 0.1544566; variance 3 / 2 of a 16th of it,
    0.0144803; its root 0.1203342, times 4.3026527, is 0.5177564.
    """
    rows = predictions(0.6)
    rows[2], rows[3] = [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]
    rerun(rows)
    assert compare("--base", "HEAD")[1] == (
        "beside git's HEAD 0.6931: -0.0354 (95 % by essay: -0.5531 to +0.4824)"
    )


def test_the_same_predictions_are_said_to_be(compare: Compare):
    assert compare("--base", "HEAD")[1:] == ["beside git's HEAD 0.6931: the same predictions"]


def test_another_member_or_commit(compare: Compare):
    rerun(predictions(0.6))
    assert compare("--base", "baseline")[1].startswith("beside baseline 0.9163: -0.4055 ")
    _dvc("commit", "--force", "--quiet")
    _git("commit", "--quiet", "--all", "--message=Better")
    assert compare("--base", "HEAD~1")[1].startswith("beside git's HEAD~1 0.6931: -0.1823 ")


def test_a_fold_that_the_last_commit_has_not(compare: Compare):
    """The baseline is left to compare with."""
    Path("dvc.lock").unlink()
    _git("commit", "--quiet", "--all", "--message=Without a lock")
    lines = compare()
    assert lines[1].startswith("git's HEAD has no artifacts/folds/tiny/fold0/oof.parquet")
    assert lines[2].startswith("beside baseline ")


def test_a_fold_that_no_cache_has(compare: Compare):
    """As in a fresh clone without a remote."""
    shutil.rmtree(".dvc/cache")
    assert compare()[1] == (
        "git's HEAD has artifacts/folds/tiny/fold0/oof.parquet, but neither DVC's cache nor its "
        "remote has it"
    )


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("HEAD~9", "git's HEAD~9: unknown Git revision 'HEAD~9'"),
        ("basline", "git's basline: unknown Git revision 'basline'"),
        ("--output=x", "git's --output=x: unknown Git revision '--output=x'"),
    ],
)
def test_a_base_that_is_asked_for_and_not_there(compare: Compare, base: str, line: str):
    with pytest.raises(UserError) as caught:
        compare(f"--base={base}")
    assert str(caught.value) == line


def test_former_predictions_of_other_essays(compare: Compare, monkeypatch: pytest.MonkeyPatch):
    """Another split has other essays in the fold."""
    monkeypatch.setitem(FOLDS, "B", 1)
    monkeypatch.setitem(FOLDS, "D", 0)
    rerun(predictions(0.6))
    table = pd.DataFrame({"essay_id": list(FOLDS), "fold": list(FOLDS.values())})
    table.to_parquet(paths.FOLDS)
    with pytest.raises(UserError) as caught:
        compare("--base", "HEAD")
    path = "artifacts/folds/tiny/fold0/oof.parquet"
    assert str(caught.value) == (
        f"git's HEAD: {path}: discourse_id: 2 missing (the first: e), 1 unknown (the first: c)"
    )
