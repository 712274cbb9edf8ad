"""A user's mistake and what the system refuses are one line; a bug is a traceback."""

import errno
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import SafetensorError

from pipeline import progress
from pipeline.bundle import kernel
from pipeline.configuration import ConfigurationError
from pipeline.encoders.weights import tensors
from pipeline.errors import Stopped, UserError, exit_with_message
from pipeline.files import atomic_file, atomic_folder, write_text
from pipeline.inputs.tokens import read_tokens
from pipeline.members import fitted
from pipeline.tables.columns import Columns
from tests.contract.project import ROOT


def circle() -> Path:
    """A link to a link to itself."""
    Path("a").symlink_to("b")
    Path("b").symlink_to("a")
    return Path("a")


def folder() -> Path:
    Path("folder").mkdir()
    return Path("folder")


def below_a_file() -> Path:
    Path("file").touch()
    return Path("file/x")


LONG = "x" * 300
SITUATIONS: dict[str, tuple[Callable[[], Path], str]] = {
    "circle": (circle, "a: a circle of symbolic links; expected one that ends at a file or folder"),
    "folder": (folder, "folder: found a folder, expected a file"),
    "file in the path": (below_a_file, "file/x: found a file in this path, expected a folder"),
    "long name": (
        lambda: Path(LONG),
        f"{LONG}: name too long; expected at most 255 bytes between slashes",
    ),
    "nothing": (lambda: Path("nothing"), "nothing: not found"),
}


def end(main: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> str:
    """Run as a command does; return the one line that it ends with."""
    with pytest.raises(SystemExit) as ended:
        exit_with_message(main)  # type: ignore[arg-type]
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line.removeprefix("error: ")


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_cannot_be_read_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make, line = SITUATIONS[name]
    assert end(make().read_text, capsys) == line


@pytest.mark.parametrize(
    ("kind", "number"),
    [("permission denied", errno.EACCES), ("a read-only file system", errno.EROFS),
     ("disk full", errno.ENOSPC), ("disk quota used up", errno.EDQUOT),
     ("too many open files", errno.EMFILE), ("input/output error", errno.EIO),
     ("its network drive has changed meanwhile", errno.ESTALE)],
)  # fmt: skip
def test_each_kind_says_what_mends_it(
    kind: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number), "data/x")

    line = end(refuse, capsys)
    assert line.startswith(f"data/x: {kind}; ")
    assert len(line) < 100


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_what_an_open_file_meets_has_no_name(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    assert "; " in end(refuse, capsys)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOMEM, "cannot allocate memory"),
        (errno.EXDEV, "invalid cross-device link"),
        (errno.ETIMEDOUT, "connection timed out"),
        (errno.EREMOTEIO, "remote I/O error"),
        (errno.EEXIST, "is there already; move it away"),
    ],
)
def test_any_other_kind_is_told_in_the_system_s_words(
    number: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number), "data/x")

    assert end(refuse, capsys) == f"data/x: {words}"


def test_each_mistake_of_a_configuration_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    def check() -> None:
        raise ConfigurationError(["params.yaml: a", "params.yaml: b"])

    with pytest.raises(SystemExit) as ended:
        exit_with_message(check)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: params.yaml: a\nerror: params.yaml: b\n"


BUGS = [
    OSError("Cannot save file"),
    OSError(errno.EINVAL, "Invalid argument", "x"),
    OSError(errno.EBADF, "Bad file descriptor"),
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    IsADirectoryError(errno.EISDIR, "Is a directory"),
    ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
    ValueError("not a number (os error)"),
]


@pytest.mark.parametrize("bug", BUGS, ids=repr)
def test_a_bug_is_a_traceback(bug: Exception) -> None:
    def fail() -> None:
        raise bug

    with pytest.raises(type(bug)) as raised:
        exit_with_message(fail)
    assert raised.value is bug


def test_a_file_in_the_place_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("mine")
    line = end(lambda: write_text(Path("taken/x"), "text"), capsys)
    assert line == "taken: is there already; move it away"
    assert Path("taken").read_text() == "mine"


def test_what_is_being_written_has_the_name_of_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def unnamed() -> None:
        with atomic_folder(Path("out")) as folder, atomic_file(folder / "x"):
            raise OSError(errno.ENOSPC, "No space left on device")

    def named() -> None:
        with atomic_folder(Path("out")) as folder, atomic_file(folder / "x") as file:
            (file / "y").mkdir()

    def a_folder_s_own() -> None:
        with atomic_folder(Path("out")) as folder:
            (folder / "sub" / "y").mkdir()

    def another_s() -> None:
        with atomic_folder(Path("out")):
            Path("elsewhere").read_text()

    assert end(unnamed, capsys).startswith("out/x: disk full; ")
    assert end(named, capsys).startswith("out/x/y: found a file in this path, ")
    assert end(a_folder_s_own, capsys) == "out/sub/y: not found"
    assert end(another_s, capsys) == "elsewhere: not found"
    assert list(tmp_path.iterdir()) == []


def test_a_circle_in_the_place_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def write() -> None:
        with atomic_folder(circle()):
            pass

    assert end(write, capsys).startswith("a: a circle of symbolic links; ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_folder_in_the_place_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out/mine").mkdir(parents=True)
    line = end(lambda: write_text(Path("out"), "text"), capsys)
    assert line == "out: found a folder, expected a file"
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]


def test_a_copy_onto_a_full_disk_names_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`shutil.copyfile` names the source first."""
    monkeypatch.chdir(tmp_path)

    def copy() -> None:
        with atomic_folder(Path("out")) as folder:
            raise OSError(errno.ENOSPC, "", "source", None, os.fspath(folder / "x"))

    assert end(copy, capsys).startswith("out/x: disk full; ")


READERS: dict[str, Callable[[Path], object]] = {
    "columns": lambda path: Columns(path, ["a"]),
    "fitted": fitted.load,
    "tokens": lambda path: read_tokens(path.parent),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_cannot_be_opened_is_not_called_damaged(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    link = circle()
    Path("state.json").write_text('{"_data_files": [{"filename": "a"}]}')
    told = "a: a circle of symbolic links; expected one that ends at a file or folder"
    assert end(lambda: READERS[reader](link), capsys) == told


def test_nor_are_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: Permission denied (os error 13)")

    monkeypatch.setattr(tensors, "safe_open", refuse)
    path = tmp_path / "model.safetensors"
    path.touch()
    line = end(lambda: tensors.read_tensors(tmp_path), capsys)
    assert line.startswith(f"{path}: permission denied; ")


def test_what_dvc_s_own_tables_meet_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write() -> None:
        with sqlite3.connect(tmp_path / "table") as table:
            table.execute("pragma max_page_count = 2")
            table.execute("create table t (x)")
            table.execute("insert into t values (zeroblob(100000))")

    assert end(write, capsys) == "disk full; make room and run the same command again"


def test_the_kernel_says_it_too() -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", "/kaggle/working/x")
    assert kernel.told(refused) == "/kaggle/working/x: permission denied"
    assert kernel.told(OSError(errno.ENOSPC, "")) == ("the session's disk: no space left on device")
    assert kernel.told(UserError("a mistake")) == "a mistake"
    assert kernel.told(OSError("a bug")) is None
    assert kernel.told(ValueError("a bug")) is None


def test_a_mistake_told_in_a_number_s_words_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistake() -> None:
        with atomic_file(tmp_path / "x"):
            raise UserError("row 3: found '(os error 28)'")

    assert end(mistake, capsys) == "row 3: found '(os error 28)'"


# Each writes more than a limit of 64 KiB lets it.
WRITERS = {
    "text": "file.write_text('x' * 10**6)",
    "arrow": "import pyarrow as pa, pyarrow.parquet as pq; "
    "pq.write_table(pa.table({'a': a}), file, compression='none')",
    "pandas": "import pandas as pd; pd.DataFrame({'a': a}).to_parquet(file, compression=None)",
    "numpy": "np.savez(file.open('wb'), a=a)",
    "safetensors": "from safetensors.numpy import save_file; save_file({'a': a}, file)",
    "tokenizers": "from tokenizers import Tokenizer, models; "
    "Tokenizer(models.WordLevel({str(i): i for i in range(99999)}, '0')).save(str(file))",
    "zip": "import zipfile\nwith zipfile.ZipFile(file, 'w') as z: z.writestr('a', a.tobytes())",
    "yaml": "from ruamel.yaml import YAML; "
    "YAML().dump(dict.fromkeys(map(str, range(9999)), 'x'), file)",
}
LIMITED = """
import sys
import numpy as np
from pathlib import Path
from pipeline.errors import exit_with_message
from pipeline.files import atomic_file
a = np.arange(10**5)
def main():
    with atomic_file(Path("out/x")) as file:
        exec(sys.argv[1])
exit_with_message(main)
"""


def limited() -> None:
    """Let this process write no file of more than 64 KiB, as a stand-in for a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))


@pytest.mark.parametrize("writer", WRITERS)
def test_every_library_s_own_error_is_one_line(writer: str, tmp_path: Path) -> None:
    write_text(tmp_path / "out/x", "old")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, WRITERS[writer]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    told = "error: out/x: file too large for its file system, or for `ulimit -f`\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)
    assert [path.read_text() for path in (tmp_path / "out").iterdir()] == ["old"]


SAYING = """
from pipeline.errors import exit_with_message
from pipeline.progress import say
exit_with_message(lambda: say("a line"))
"""


def test_a_full_disk_under_standard_output_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", SAYING],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    told = "error: standard output: disk full; make room and run the same command again\n"
    assert (done.returncode, done.stderr) == (1, told)


NAME = "a\nerror: b\r\x1b[2J\u2028c\u2029d\x85e\u202ef\ud800 é…\u65e5"
SAFE = r"a\nerror: b\r\x1b[2J\u2028c\u2029d\x85e\u202ef\ud800 é…日"


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [(UserError(NAME), f"error: {SAFE}\n", 1), (Stopped(NAME), f"stopped: {SAFE}\n", 75)],
)
def test_a_message_is_one_line(
    error: Exception, line: str, status: int, capsys: pytest.CaptureFixture[str]
):
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        exit_with_message(main)
    assert ended.value.code == status
    assert capsys.readouterr().err == line


def test_what_a_stage_says_is_one_line(capsys: pytest.CaptureFixture[str]):
    progress.say(f"{Path('x')}: {NAME}")
    assert capsys.readouterr().out == f"x: {SAFE}\n"
