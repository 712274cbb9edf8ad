"""Edits in place through a link to DVC's cache are found by their bytes, and made good."""

from pathlib import Path

import pytest
from dvc.cli import main as dvc

from commands import mend
from pipeline.errors import UserError
from pipeline.graph.locked_outputs import check_outputs

CACHE = Path(".dvc/cache/files/md5")
FOLDER, COPY, TABLE = Path("out/folder"), Path("out/copy"), Path("out/table.csv")
# Every run leaves a word, so that what came out of the cache can be told from what was made again.
GRAPH = """\
stages:
  folder:
    cmd: mkdir -p out/folder/below && echo one >out/folder/one && echo two >out/folder/below/two
      && echo folder >>ran
    deps: [source]
    outs: [out/folder]
  copy:
    cmd: mkdir -p out/copy && cp out/folder/one out/copy/ && echo copy >>ran
    deps: [out/folder]
    outs: [out/copy]
  table:
    cmd: cat out/copy/one >out/table.csv && echo table >>ran
    deps: [out/copy]
    outs: [out/table.csv]
"""


@pytest.fixture(autouse=True, params=["hardlink", "symlink"])
def _project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph that has run; `out/folder/one`, its copy and the table are one object."""
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(
        f"[core]\n    no_scm = true\n    analytics = false\n[cache]\n    type = {request.param}\n"
    )
    Path("dvc.yaml").write_text(GRAPH)
    Path("params.yaml").write_text("{}\n")
    Path("source").touch()
    assert repro() == ["folder", "copy", "table"]


def repro() -> list[str]:
    """The stages that ran."""
    ran = Path("ran")
    ran.unlink(missing_ok=True)
    assert dvc(["repro", "--quiet"]) == 0
    return ran.read_text().split() if ran.exists() else []


def edit(path: Path) -> None:
    """Write into the file as root does, whom no mode keeps out."""
    path.chmod(0o644)
    path.write_text("by hand\n")
    path.chmod(0o444)


def check(path: Path) -> str | None:
    try:
        check_outputs([path])
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("edited", "output", "again"),
    [
        (TABLE, TABLE, ["folder"]),
        (FOLDER / "below/two", FOLDER, ["folder"]),
        (COPY / "one", COPY, ["folder"]),
    ],
    ids=str,
)
def test_the_advice_brings_the_bytes_back(
    edited: Path, output: Path, again: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    edit(edited)
    repro()
    assert edited.read_text() == "by hand\n", "DVC takes its changed cache for the truth"
    line = check(output)
    assert line is not None
    assert line.startswith(f"{output}: expected md5 ")
    assert line.endswith("; run make mend, then make submission")
    mend.main()
    assert f"removed {edited}\n" in capsys.readouterr().out
    assert repro() == again
    assert {path: path.read_bytes() for path in before} == before
    assert [check(path) for path in (FOLDER, COPY, TABLE)] == [None, None, None]
    mend.main()
    assert capsys.readouterr().out.startswith("nothing to mend")


def test_what_is_no_link_comes_out_of_the_cache(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that was replaced, as most editors do."""
    (FOLDER / "one").unlink()
    (FOLDER / "one").write_text("by hand\n")
    assert check(FOLDER) is not None
    mend.main()
    assert capsys.readouterr().out.startswith("nothing to mend")
    assert repro() == []
    assert check(FOLDER) is None


def test_a_listing_that_was_changed_is_removed_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    (listing,) = (path for path in CACHE.rglob("*.dir") if "two" in path.read_text())
    listing.chmod(0o644)
    listing.write_text("[]")
    mend.main()
    assert f"removed {listing.absolute()}\n" in capsys.readouterr().out
    assert not listing.exists()
    assert (FOLDER / "one").exists()


def test_what_dvc_does_not_see_counts_for_nothing() -> None:
    Path(".dvcignore").write_text(".DS_Store\n")
    (FOLDER / ".DS_Store").touch()
    assert check(FOLDER) is None
    (FOLDER / "notes").touch()
    assert check(FOLDER) is not None


def test_what_no_stage_makes_is_mended_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Kaggle's files: a .dvc file tracks them."""
    raw = Path("data/raw/train.csv")
    raw.parent.mkdir(parents=True)
    raw.write_text("theirs\n")
    assert dvc(["add", "--quiet", "data/raw"]) == 0
    edit(raw)
    mend.main()
    removed, cached, told = capsys.readouterr().out.splitlines()
    assert removed == f"removed {raw}"
    assert cached.startswith(f"removed {CACHE.absolute()}")
    assert told == (
        "data/raw: no stage makes it; remove it, and make data brings Kaggle's files again; "
        "dvc pull data/raw fetches it from a remote"
    )
    assert not raw.exists()
