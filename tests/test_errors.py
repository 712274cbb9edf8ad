"""A user's mistake is one line, whatever stands in the names that it tells."""

import pytest

from pipeline.configuration import ConfigurationError
from pipeline.doctor.findings import Finding
from pipeline.errors import UserError, exit_with_message
from pipeline.progress import say

ODD = "a\nb\r\x1b[31m\x00\u2028\u202e\ud800é"
TOLD = "a\\nb\\r\\x1b[31m\\x00\\u2028\\u202e\\ud800é"


def test_names_are_told_on_one_line(capsys: pytest.CaptureFixture[str]):
    def stage() -> None:
        raise UserError(f"data/{ODD}: not found")

    with pytest.raises(SystemExit) as ended:
        exit_with_message(stage)
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: data/{TOLD}: not found\n"


def test_every_line_of_a_configuration_s_mistakes_is_one():
    error = ConfigurationError([f"{ODD}: one", f"{ODD}: two"])
    assert (str(error), error.lines) == (f"{TOLD}: one", (f"{TOLD}: one", f"{TOLD}: two"))


def test_a_finding_is_one_line():
    assert Finding(ODD).text == TOLD


def test_a_stage_s_account_is_one_line(capsys: pytest.CaptureFixture[str]):
    say(f"{ODD}: not used")
    assert capsys.readouterr().out == f"{TOLD}: not used\n"
