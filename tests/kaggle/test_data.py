"""`make data`: whole or not at all, going on where it broke off, and under DVC."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands import data, mend
from pipeline import paths
from tests.contract.project import ROOT
from tests.kaggle.archives import archive
from tests.kaggle.conftest import Command
from tests.kaggle.project import COMPETITION, Project

ARCHIVE = paths.DOWNLOADS / f"{COMPETITION}.zip"

NEXT = "make recipe NAME=baseline, or data.source: data/raw in params.yaml"


def run(folder: Path, *words: str) -> str:
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of git's and DVC's, with the project's own rules of what git ignores."""
    folder = tmp_path_factory.mktemp("repository")
    run(folder, "git", "init", "-q")
    run(folder, sys.executable, "-m", "dvc", "init", "-q")
    (folder / ".gitignore").write_text("/data/raw\n/.cache\n")
    return folder


@pytest.fixture
def tracked(project: Project, repository: Path) -> Project:
    shutil.copytree(repository, project.folder, dirs_exist_ok=True)
    return project


@pytest.fixture
def large(tracked: Project) -> Project:
    """More than one of the pieces that the client writes."""
    competition = tracked.world.competitions[COMPETITION]
    competition.files["train/pictures.bin"] = random.Random(5).randbytes(5_000_000)
    return tracked


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_files_arrive_whole_and_under_dvc(tracked: Project, command: Command):
    done = command(data.main)
    assert (done.status, done.err) == (0, "")
    assert files(paths.RAW) == tracked.world.competitions[COMPETITION].files
    assert done.out.splitlines()[-3:] == [
        "train: 4 elements of 2 essays",
        "test: 2 elements of 1 essays",
        f"next: git add data/raw.dvc, then {NEXT}",
    ]
    assert not ARCHIVE.exists()
    # What `dvc exp run --temp` and the queue need: git tracks the pointer, DVC the files.
    run(tracked.folder, "git", "add", "data/raw.dvc")
    status = run(tracked.folder, sys.executable, "-m", "dvc", "status", "data/raw.dvc")
    assert "up to date" in status
    assert not Path("data/.gitignore").exists()


def test_once_more_downloads_nothing(tracked: Project, command: Command):
    command(data.main)
    asked = tracked.world.calls("DownloadDataFiles")
    tracked.monkeypatch.delenv("KAGGLE_API_TOKEN")
    done = command(data.main)
    assert done.status == 0
    assert "data/raw: there already; to download it again, remove it first" in done.out
    assert tracked.world.calls("DownloadDataFiles") == asked


def test_a_download_that_breaks_off_goes_on(large: Project, command: Command):
    """Twice within one run: the client asks for the rest of the same file."""
    large.world.fail("GET", 0, times=3)
    assert command(data.main, "--pause", "0.001").status == 0
    assert files(paths.RAW) == large.world.competitions[COMPETITION].files
    assert 1_000_000 < large.world.starts[-1] < 5_000_000


def test_a_later_run_asks_for_the_rest_only(large: Project, command: Command):
    large.world.fail("GET", 0, times=99)
    assert command(data.main, "--pause", "0.001").status == 1
    part = ARCHIVE.stat().st_size
    assert 1_000_000 < part < 5_000_000
    large.world.faults.clear()
    assert command(data.main).status == 0
    assert large.world.starts[-1] == part
    assert files(paths.RAW) == large.world.competitions[COMPETITION].files


def test_a_part_of_other_files_is_thrown_away(large: Project, command: Command):
    """Kaggle has replaced the data since."""
    large.world.fail("GET", 0, times=99)
    command(data.main, "--pause", "0.001")
    large.world.faults.clear()
    competition = large.world.competitions[COMPETITION]
    competition.files["train/A.txt"] += b" And one more sentence."
    competition.archive = None
    assert command(data.main).status == 0
    assert files(paths.RAW) == competition.files


def test_credentials_of_the_older_kind(tracked: Project, command: Command):
    tracked.monkeypatch.delenv("KAGGLE_API_TOKEN")
    tracked.monkeypatch.setenv("KAGGLE_USERNAME", tracked.world.username)
    tracked.monkeypatch.setenv("KAGGLE_KEY", tracked.world.key)
    assert command(data.main).status == 0


def test_a_failure_of_dvc_keeps_the_files(tracked: Project, command: Command):
    """And running it again does what was left."""
    config = Path(".dvc/config")
    good = config.read_text()
    config.write_text("[core]\n    no_such_key = 1\n")
    done = command(data.main)
    assert done.status == 1
    assert done.error.startswith("error: dvc --wait-for-lock add data/raw failed: ")
    assert done.error.endswith("; the files stay in data/raw")
    config.write_text(good)
    assert command(data.main).status == 0
    assert Path("data/raw.dvc").exists()


def packed(project: Project, name: str, folder: str = "") -> Path:
    """Kaggle's archive, as a browser leaves it."""
    path = project.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    files = project.world.competitions[COMPETITION].files
    path.write_bytes(archive({f"{folder}{inner}": data for inner, data in files.items()}))
    return path


@pytest.fixture
def signed_out(tracked: Project) -> Project:
    """Without an account, and with a network that leads nowhere."""
    tracked.monkeypatch.delenv("KAGGLE_API_TOKEN")
    tracked.monkeypatch.setenv("HOME", str(tracked.home))
    return tracked


@pytest.mark.parametrize("word", ["~/Down loads/it's.zip", "../home/Down loads/it's.zip", "{path}"])
def test_an_archive_from_a_browser(signed_out: Project, command: Command, word: str):
    path = packed(signed_out, "Down loads/it's.zip")
    before = path.read_bytes()
    done = command(data.main, "--zip", word.format(path=path))
    assert (done.status, done.err) == (0, "")
    assert files(paths.RAW) == signed_out.world.competitions[COMPETITION].files
    assert done.out.splitlines()[-3:] == [
        "train: 4 elements of 2 essays",
        "test: 2 elements of 1 essays",
        f"next: git add data/raw.dvc, then {NEXT}",
    ]
    assert Path("data/raw.dvc").exists()
    assert path.read_bytes() == before, "it is the user's"
    assert signed_out.world.log == []


def test_an_archive_once_more(signed_out: Project, command: Command):
    path = packed(signed_out, "kaggle.zip")
    command(data.main, "--zip", str(path))
    pointer = Path("data/raw.dvc").read_text()
    done = command(data.main, "--zip", str(path))
    assert (done.status, done.err) == (0, "")
    assert "data/raw: there already; to unpack it again, remove it first" in done.out
    assert Path("data/raw.dvc").read_text() == pointer


def test_an_archive_with_a_folder_around_the_files(signed_out: Project, command: Command):
    path = packed(signed_out, "kaggle.zip", f"{COMPETITION}/")
    assert command(data.main, "--zip", str(path)).status == 0
    assert (paths.RAW / COMPETITION / "train.csv").is_file()


def test_an_archive_within_the_folder_that_it_is_to_make(signed_out: Project, command: Command):
    """The folder is made whole, and so would lose it."""
    paths.RAW.mkdir(parents=True)
    packed(signed_out, "kaggle.zip").rename(paths.RAW / "kaggle.zip")
    done = command(data.main, "--zip", "data/raw/kaggle.zip")
    assert done.status == 1
    assert done.error == (
        "error: ZIP: data/raw/kaggle.zip: lies in data/raw, which is made whole; move it elsewhere "
        "and remove data/raw"
    )
    assert (paths.RAW / "kaggle.zip").is_file()


def test_an_archive_needs_no_client(signed_out: Project):
    """Nor does anything else of the command's import it."""
    path = packed(signed_out, "kaggle.zip")
    program = (
        f"import sys; from commands import data; data.main(['--zip', {str(path)!r}]); "
        "assert not {'kaggle', 'kagglesdk'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=signed_out.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_files_go_where_a_link_leads(tracked: Project, command: Command):
    """To a larger disk, say. DVC tracks nothing behind a link."""
    disk = tracked.folder.parent / "disk"
    paths.RAW.symlink_to(disk)
    done = command(data.main)
    assert (done.status, done.err) == (0, "")
    assert paths.RAW.is_symlink()
    assert files(disk) == tracked.world.competitions[COMPETITION].files
    assert done.out.splitlines()[-1] == (
        f"data/raw: a link, behind which DVC tracks nothing; next: {NEXT}"
    )
    assert not Path("data/raw.dvc").exists()
    assert command(data.main).status == 0


def test_what_root_spoilt_in_the_cache_does_not_take_the_place_of_fresh_files(
    signed_out: Project, command: Command
):
    shutil.copyfile(ROOT / ".dvc/config", ".dvc/config")  # links to the cache
    path = packed(signed_out, "kaggle.zip")
    assert command(data.main, "--zip", str(path)).status == 0
    digest = hashlib.md5((paths.RAW / "train.csv").read_bytes()).hexdigest()
    cached = Path(".dvc/cache/files/md5") / digest[:2] / digest[2:]
    cached.chmod(0o644)
    with cached.open("ab") as stream:
        stream.write(b"x")
    cached.chmod(0o444)
    shutil.rmtree(paths.RAW)
    done = command(data.main, "--zip", str(path))
    assert (done.status, done.err) == (
        1,
        "error: data/raw: DVC's cache has other bytes for these files, as after an edit by root; "
        "run make mend, remove data/raw, and run the same command again\n",
    )
    mend.main()
    shutil.rmtree(paths.RAW)
    assert command(data.main, "--zip", str(path)).status == 0
    assert files(paths.RAW) == signed_out.world.competitions[COMPETITION].files
