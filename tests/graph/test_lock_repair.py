"""A dvc.lock that a kill cut short is noticed, and the last whole one stands in its place."""

import re
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from commands import lock
from pipeline.errors import UserError
from tests.contract.project import ROOT

LOCK, COPY, ASIDE = Path("dvc.lock"), Path(".cache/dvc.lock"), Path(".cache/dvc.lock.damaged")
STAGES = re.split(r"(?m)^(?=  \w)", (ROOT / "dvc.lock").read_text(encoding="utf-8"))
WHOLE = "".join(STAGES[:3])  # two stages: a cut is tried at each of many places
PUT_BACK = (
    "dvc.lock: cut short, as by a kill; put back that of {}, kept this as "
    ".cache/dvc.lock.damaged. What ran since comes out of DVC's cache"
)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")


def run(*options: str) -> None:
    lock.main(options)


def kept(text: str) -> None:
    """A run that ended well left this lock."""
    LOCK.write_text(text, encoding="utf-8")
    run("--keep")
    assert COPY.read_text(encoding="utf-8") == text


def fresh() -> str:
    """The lock of a later run, in which the first output differs."""
    digest = re.compile("md5: ([0-9a-f]{32})").search(WHOLE, WHOLE.index("outs:"))
    assert digest
    return WHOLE[: digest.start(1)] + "a" * 32 + WHOLE[digest.end(1) :]


def cuts(text: str) -> list[int]:
    """Places all over the file, and ends of lines of its last entry."""
    last = text.rindex("\n  ", 0, text.rindex("\n    cmd:")) + 1
    lines = [match.end() for match in re.finditer("\n", text[last:-1])]
    return [
        *range(0, len(text) - 1, len(text) // 12),
        *(last + end for end in [*lines[1:-6:6], *lines[-6:]]),
    ]


@pytest.mark.parametrize("later", [False, True], ids=["same", "fresh"])
def test_a_cut_lock_is_put_back(later: bool, capsys: pytest.CaptureFixture[str]) -> None:
    kept(WHOLE)
    text = fresh() if later else WHOLE
    assert (text != WHOLE) is later
    for place in cuts(text):
        LOCK.write_text(text[:place], encoding="utf-8")
        run()
        assert LOCK.read_text(encoding="utf-8") == WHOLE, place
        assert capsys.readouterr().out == PUT_BACK.format("the last whole run") + "\n"
        assert ASIDE.read_text(encoding="utf-8") == text[:place]


@pytest.mark.parametrize("content", [b"", b"\x00" * 5000, b"\xff\xfe", b"stages: {", b"[]\n"])
def test_a_lock_that_is_none_is_put_back(content: bytes) -> None:
    kept(WHOLE)
    LOCK.write_bytes(content)
    run()
    assert LOCK.read_text(encoding="utf-8") == WHOLE


def test_fresh_results_stay(capsys: pytest.CaptureFixture[str]) -> None:
    kept(WHOLE)
    LOCK.write_text(fresh(), encoding="utf-8")
    run()
    assert LOCK.read_text(encoding="utf-8") == fresh()
    assert capsys.readouterr().out == ""
    assert not ASIDE.exists()


def test_a_shorter_lock_stays() -> None:
    """Entries that someone took out are not brought back."""
    kept("".join(STAGES[:4]))
    shorter = "".join([*STAGES[:2], STAGES[3]])
    LOCK.write_text(shorter, encoding="utf-8")
    run()
    assert LOCK.read_text(encoding="utf-8") == shorter


def test_without_a_copy_git_s_is_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    LOCK.write_text(WHOLE, encoding="utf-8")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (["init", "-q"], ["add", "dvc.lock"], [*identity, "commit", "-qm", "lock"]):
        subprocess.run(["git", *command], check=True)
    LOCK.write_text(WHOLE[: len(WHOLE) // 2], encoding="utf-8")
    COPY.parent.mkdir()
    COPY.write_text(WHOLE[: len(WHOLE) * 3 // 4], encoding="utf-8")
    run()
    assert LOCK.read_text(encoding="utf-8") == WHOLE
    assert capsys.readouterr().out == PUT_BACK.format("git's HEAD") + "\n"


def test_with_none_to_put_back_the_run_goes_on_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    LOCK.write_text("", encoding="utf-8")
    run()
    assert not LOCK.exists()
    assert capsys.readouterr().out == (
        "dvc.lock: cut short, as by a kill; no whole one to put back, kept this as "
        ".cache/dvc.lock.damaged. What ran before comes out of DVC's cache\n"
    )


def test_while_another_dvc_is_at_work_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may just be writing the lock."""
    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0)
    kept(WHOLE)
    LOCK.write_text(WHOLE[: len(WHOLE) // 2], encoding="utf-8")
    with Repo() as repo, repo.lock, pytest.raises(UserError, match="another dvc is at work"):
        run()
    assert LOCK.read_text(encoding="utf-8") == WHOLE[: len(WHOLE) // 2]


def test_a_merge_conflict_is_the_user_s(capsys: pytest.CaptureFixture[str]) -> None:
    kept(WHOLE)
    conflict = WHOLE.replace(
        "\n  split:", "\n<<<<<<< HEAD\n  split:\n=======\n>>>>>>> other\n  split:"
    )
    LOCK.write_text(conflict, encoding="utf-8")
    with pytest.raises(UserError, match=r"^dvc\.lock: line \d+: a merge conflict; .*HEAD"):
        run()
    assert LOCK.read_text(encoding="utf-8") == conflict


def test_no_lock_is_a_first_run(capsys: pytest.CaptureFixture[str]) -> None:
    kept(WHOLE)
    LOCK.unlink()
    run()
    assert not LOCK.exists()
    run("--keep")
    assert capsys.readouterr().out == ""


def test_make_submission_looks_before_and_keeps_after() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile[makefile.index("\nsubmission:") :].split("\n\n")[0]
    lines = [
        "python -m commands.lock",
        "dvc --wait-for-lock repro",
        "python -m commands.lock --keep",
    ]
    assert [line.strip("\t@") for line in recipe.splitlines() if line.startswith("\t")][:3] == lines
