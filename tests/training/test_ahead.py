"""What a later stage would refuse is refused before a fold trains."""

from pathlib import Path

import pytest

from pipeline.errors import UserError
from tests.configurations import SMALL, changed, write

pytestmark = pytest.mark.xfail(
    strict=True, raises=ImportError, reason="training looks at its own inputs alone"
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(SMALL)


def refusal() -> str | None:
    from pipeline.training.ahead import check_later_stages

    from pipeline.configuration import load_configuration

    try:
        check_later_stages(load_configuration().whole)
    except UserError as error:
        return str(error)
    return None


def touch(name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).touch()


@pytest.mark.parametrize(
    "left",
    [
        "artifacts/weights/small/fold2",
        "artifacts/folds/small/fold2",
        "artifacts/oof/old.parquet",
        "artifacts/test/old.parquet",
    ],
)
def test_leftovers_of_another_configuration(left: str):
    for own in ("artifacts/weights/small/fold1", "artifacts/oof/small.parquet"):
        touch(own)
    touch("artifacts/oof/baseline.parquet")
    assert refusal() is None
    touch(left)
    folder, _, name = left.rpartition("/")
    assert refusal() == f"{folder}: {name} is not in params.yaml; `make prune` removes leftovers"


def test_files_of_members():
    write(changed(SMALL, {"members": {"theirs": {"oof": "theirs/oof.csv", "test": "t.csv"}}}))
    touch("t.csv")
    assert refusal() == (
        "params.yaml: members.theirs.oof: theirs/oof.csv: not found; put the file there, or mend "
        "the path"
    )
    touch("theirs/oof.csv")
    assert refusal() is None
