"""`make compare`: members, seeds, the blend and commits, on the folds that both sides have."""

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
        command.main(list(arguments))
        return capsys.readouterr().out.splitlines()

    return run


def rerun(rows: np.ndarray) -> None:
    """As `dvc repro` does: the former output is removed first."""
    shutil.rmtree(paths.fold("tiny", Unit(0)))
    write(paths.fold("tiny", Unit(0)) / "oof.parquet", rows, 0)


HEAD = [
    "fold 0: 4 elements of 3 essays, paired by essay; intervals hold 95 %",
    "smallest difference that it can see: 0.0000 (power 80 %; another seed's luck comes on top)",
]


def test_a_fold_beside_its_former_self_and_the_baseline(compare: Compare):
    """Essays A, B and C stand in the fold, with elements a and b; c; d.

    Where each truth moves by the same, the interval is a point: log 0.5 - log 0.6.
    """
    rerun(predictions(0.6))
    assert compare("--a=tiny") == [
        *HEAD,
        "  A  tiny       0.5108  (0.5108 to 0.5108)",
        "  B  tiny@HEAD  0.6931  (0.6931 to 0.6931)",
        "A - B  -0.1823 (-0.1823 to -0.1823): better",
        "",
        *HEAD,
        "  A  tiny      0.5108  (0.5108 to 0.5108)",
        "  B  baseline  0.9163  (0.9163 to 0.9163)",
        "A - B  -0.4055 (-0.4055 to -0.4055): better",
    ]


def test_an_interval(compare: Compare):
    """Differences log 0.5 - log 0.6 twice in A; log 0.5 - log 0.4 in B; none in C.

    By hand: -0.1823216 twice, +0.2231436 and 0; their mean is -0.0353749. Essays stand off it by
    -0.2938934, 0.2585185 and 0.0353749; squares sum to 0.1544566; variance 3 / 2 of a 16th of it,
    0.0144803; its root 0.1203342, times 4.3026527, is 0.5177564. With 80 % power it sees
    4.3026527 + 1.0606602 of that root, 0.6453926.
    """
    rows = predictions(0.6)
    rows[2], rows[3] = [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]
    rerun(rows)
    lines = compare("--a=tiny", "--b=HEAD")
    assert lines[1].startswith("smallest difference that it can see: 0.6454 (")
    assert lines[-1] == "A - B  -0.0354 (-0.5531 to +0.4824): undecided"


def test_the_same_predictions_are_said_to_be(compare: Compare):
    assert compare("--a=tiny", "--b=HEAD")[-1].endswith("+0.0000): the same predictions")


def test_either_side_may_be_a_commit(compare: Compare):
    rerun(predictions(0.6))
    assert compare("--a=baseline", "--b=tiny@HEAD")[-1].startswith("A - B  +0.2231 ")
    _dvc("commit", "--force", "--quiet")
    _git("commit", "--quiet", "--all", "--message=Better")
    assert compare("--a=tiny@HEAD~1", "--b=workspace")[-1] == (
        "A - B  +0.1823 (+0.1823 to +0.1823): worse"
    )
    assert compare("--a=HEAD~1", "--b=tiny@HEAD")[-3:-1] == [
        "  A  tiny@HEAD~1  0.6931  (0.6931 to 0.6931)",
        "  B  tiny@HEAD    0.5108  (0.5108 to 0.5108)",
    ]


def test_the_blend_is_what_a_commit_alone_means(compare: Compare):
    """An old commit may have had no table of it."""
    write(paths.ENSEMBLE / "oof.parquet", predictions(0.8), 0)
    with pytest.raises(UserError, match=r"^git's HEAD has no artifacts/ensemble/oof.parquet$"):
        compare("--a=workspace", "--b=HEAD")
    assert compare("--a=ensemble", "--b=tiny")[-3:] == [
        "  A  ensemble  0.2231  (0.2231 to 0.2231)",
        "  B  tiny      0.6931  (0.6931 to 0.6931)",
        "A - B  -0.4700 (-0.4700 to -0.4700): better",
    ]


def test_seeds(compare: Compare):
    """The model itself is the mean over its seeds; its own seed is the one of params.yaml."""
    seeded = paths.fold("tiny", Unit(0, 7)) / "oof.parquet"
    write(seeded, predictions(0.7), 0)
    assert compare("--a=tiny:7", "--b=tiny:1")[-3:] == [
        "  A  tiny:7  0.3567  (0.3567 to 0.3567)",
        "  B  tiny:1  0.6931  (0.6931 to 0.6931)",
        "A - B  -0.3365 (-0.3365 to -0.3365): better",
    ]
    assert compare("--a=tiny", "--b=tiny:1")[-4:-2] == [
        "A tiny is the mean of 2 seeds, B tiny:1 of 1 seed",
        "  A  tiny    0.5108  (0.5108 to 0.5108)",
    ]
    assert not any("mean of" in line for line in compare("--a=tiny", "--b=baseline"))
    assert compare("--a=tiny:1@HEAD", "--b=tiny:1")[-1].endswith(": the same predictions")
    with pytest.raises(UserError, match=r"^tiny:9: expected one of the seeds \[1, 7\], found 9$"):
        compare("--a=tiny:9", "--b=tiny")
    with pytest.raises(UserError, match=r"^baseline:1: 'baseline' is no model, and so has no seed"):
        compare("--a=baseline:1", "--b=tiny")


def test_a_fold_that_one_side_lacks_is_named(compare: Compare):
    """As one that is still trained; and a seed counts once every fold has it."""
    write(paths.oof("baseline"), predictions(0.4))
    lines = compare("--a=tiny", "--b=baseline")
    assert lines[0].startswith("fold 0: 4 elements of 3 essays")
    assert lines[2] == "A tiny has no fold 1"
    write(paths.fold("tiny", Unit(1, 7)) / "oof.parquet", predictions(0.5), 1)
    with pytest.raises(UserError, match=r"^tiny: no seed has all of the folds \[0, 1\]$"):
        compare("--a=tiny", "--b=baseline")
    write(paths.fold("tiny", Unit(1)) / "oof.parquet", predictions(0.5), 1)
    assert compare("--a=tiny", "--b=baseline")[0].startswith("folds 0, 1: 6 elements of 4 essays")
    assert compare("--a=tiny", "--b=baseline", "--fold=0")[0].startswith("fold 0: 4 elements")


def test_folds_that_no_side_has(compare: Compare):
    with pytest.raises(UserError) as caught:
        compare("--a=tiny", "--b=baseline", "--fold=1")
    assert str(caught.value) == ("expected a fold 1 in both: A tiny has [0], B baseline has [0]")


def test_a_fold_that_the_last_commit_has_not(compare: Compare):
    """The baseline is left to compare with."""
    Path("dvc.lock").unlink()
    _git("commit", "--quiet", "--all", "--message=Without a lock")
    lines = compare("--a=tiny")
    assert lines[0] == "expected a fold in common: A tiny has [0], B tiny@HEAD has none"
    assert lines[-1].startswith("A - B  -0.2231 ")


def test_a_fold_that_no_cache_has(compare: Compare):
    """As in a fresh clone without a remote."""
    shutil.rmtree(".dvc/cache")
    assert compare("--a=tiny")[0] == (
        "git's HEAD has artifacts/folds/tiny/fold0, but neither DVC's cache nor its remote has it"
    )


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("HEAD~9", "git's HEAD~9: unknown Git revision 'HEAD~9'"),
        ("tiny@HEAD~9", "git's HEAD~9: unknown Git revision 'HEAD~9'"),
        ("basline", "git's basline: unknown Git revision 'basline'"),
        ("--output=x", "git's --output=x: unknown Git revision '--output=x'"),
        ("tin:7", "tin:7: no member 'tin'; the nearest valid one is 'tiny'"),
        ("", "expected a member or a commit as A=..., found nothing"),
    ],
)
def test_a_base_that_is_asked_for_and_not_there(compare: Compare, base: str, line: str):
    with pytest.raises(UserError) as caught:
        compare("--a=tiny", f"--b={base}")
    assert str(caught.value) == line


def test_former_predictions_of_other_essays(compare: Compare, monkeypatch: pytest.MonkeyPatch):
    """Another split has other essays in the fold."""
    monkeypatch.setitem(FOLDS, "B", 1)
    monkeypatch.setitem(FOLDS, "D", 0)
    rerun(predictions(0.6))
    table = pd.DataFrame({"essay_id": list(FOLDS), "fold": list(FOLDS.values())})
    table.to_parquet(paths.FOLDS)
    with pytest.raises(UserError) as caught:
        compare("--a=tiny", "--b=HEAD")
    path = "artifacts/folds/tiny/fold0/oof.parquet"
    assert str(caught.value) == (
        f"git's HEAD: {path}: discourse_id: 2 missing (the first: e), 1 unknown (the first: c)"
    )
