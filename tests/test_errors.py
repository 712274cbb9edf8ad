"""The one line that a user sees, whatever stands in the names that it holds."""

from pathlib import Path

import pytest

from pipeline import progress
from pipeline.errors import Stopped, UserError, exit_with_message

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
