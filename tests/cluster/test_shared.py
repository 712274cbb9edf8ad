"""The shared folder and DVC's remote in it."""

from pathlib import Path

import pytest

from pipeline.cluster import shared
from pipeline.errors import UserError
from tests.graph.project import dvc


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    dvc("init", "--no-scm", "--quiet")


def test_a_cluster_s_folder_has_to_be_named() -> None:
    with pytest.raises(UserError, match=r"^SHARED: expected a folder that every node sees"):
        shared.place(None, "auto")
    assert shared.place(None, None) == Path(".cache/spread").absolute()
    assert shared.place("there", "auto") == Path("there").absolute()
    assert Path("there/checkpoints").is_dir()


def test_a_folder_that_cannot_be_made_is_told() -> None:
    Path("file").touch()
    with pytest.raises(UserError, match=r"^SHARED: .*/file/x: "):
        shared.place("file/x", "auto")


def test_a_project_without_a_remote_gets_one_and_follows_the_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("one", "two", "two"):
        url = str(Path(name).absolute() / "remote")
        found = shared.settings(Path(name).absolute())
        assert found["remote"] == {"spread": {"url": url}}
        assert found["core"] == {"no_scm": True, "remote": "spread"}
    said = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0].rsplit("/", 2)[1] for line in said] == ["one", "two"]


def test_a_remote_of_the_project_s_own_stays_and_what_opens_it_is_not_handed_on() -> None:
    dvc("remote", "add", "--default", "store", "s3://bucket/here")
    dvc("remote", "modify", "--local", "store", "secret_access_key", "s3cret")
    before = Path(".dvc/config.local").read_text()
    found = shared.settings(Path("there").absolute())
    assert found["remote"] == {"store": {"url": "s3://bucket/here"}}
    assert Path(".dvc/config.local").read_text() == before


def test_a_remote_by_a_relative_path_is_handed_on_as_a_whole_one() -> None:
    dvc("remote", "add", "--default", "store", "../store")
    url = shared.settings(Path("there").absolute())["remote"]["store"]["url"]
    assert Path(url).is_absolute()
    assert Path(url).resolve() == Path("../store").resolve()


def test_a_mark_is_there_while_there_is_work() -> None:
    folder = shared.place("there", "auto")
    with shared.marked(folder) as mark:
        assert (folder / mark).is_file()
    assert [path.name for path in folder.iterdir()] == ["checkpoints"]
