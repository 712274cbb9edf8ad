"""All stages in one view: what a person reads, on a terminal and in a log."""

import sys

import pytest

from pipeline.cluster.listening import Begun, Event, Reached, Said
from pipeline.cluster.view import View
from tests.terminal import Terminal, screen

STORY: list[Event] = [
    Begun("train@t-0", "a"),
    Reached("train@t-0", 0, 63, "step"),
    Said("train@t-0", "train@t-0: 63 steps on 1 cpu device(s)"),
    Begun("train@t-1", "b"),
    Reached("train@t-1", 20, 63, "step", "2step/s, loss 0.9, 1,234 tokens/s, 00:21 left"),
    Begun("train@t-0", "b"),
    Reached("train@t-0", 40, 63, "step"),
]
SAID = [
    "train@t-0: begins on a",
    "train@t-0: 63 steps on 1 cpu device(s)",
    "train@t-1: begins on b",
    "train@t-0: its machine is gone; b takes it over",
    "train@t-1: done on b",
]


def _tell() -> None:
    with View(2) as view:
        for event in STORY:
            view.show(event)
        view.done("train@t-1")


def test_in_a_log_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    _tell()
    assert capsys.readouterr().out.splitlines() == SAID


def test_on_a_terminal_there_are_bars_below_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    streams = terminal.stream, terminal.another_stream()
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    _tell()
    monkeypatch.undo()
    written = terminal.close(*streams)
    assert screen(written) == SAID
    for bar in ("train@t-0 on b: ", "train@t-1 on b: ", "spread: "):
        assert bar in written
    assert "40/63" in written
    assert "loss 0.9, 1,234 tokens/s" in written
