"""Lines of a stage, as its own process prints them, become events and a reason."""

import io

import pytest

from pipeline import progress
from pipeline.cluster.listening import Event, Listener, Reached, Said

NAME = "train@tiny-0"


def heard(*lines: str) -> tuple[Listener, list[Event]]:
    events: list[Event] = []
    listener = Listener(NAME, events.append)
    for line in lines:
        listener.hear(line)
    return listener, events


def test_progress_is_told_with_what_the_stage_says_of_it() -> None:
    line = f"{NAME}: 40 of 63 steps,  3.13step/s, loss 0.9000, 1,234 tokens/s, 00:07 left\n"
    note = " 3.13step/s, loss 0.9000, 1,234 tokens/s, 00:07 left"
    assert heard(line)[1] == [Reached(NAME, 40, 63, "step", note)]


def test_the_real_bar_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of pipeline.progress itself, whatever its form."""
    stream = io.StringIO()
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    for unit in ("step", "batch"):
        with progress.bar(9, unit, NAME) as bar:
            bar.set_postfix_str("loss 0.5", refresh=False)
            bar.n = 4
            bar.refresh()
    events = heard(*stream.getvalue().splitlines())[1]
    found = [event for event in events if isinstance(event, Reached) and event.count == 4]
    assert [(event.total, event.unit) for event in found] == [(9, "step"), (9, "batch")]


def test_a_beginning_and_a_resumption_are_both_said_and_drawn() -> None:
    lines = (
        f"{NAME}: 63 steps on 2 cpu device(s), x",
        f"{NAME}: resumed at step 5 of 63",
    )
    said = [Said(NAME, line) for line in lines]
    assert heard(*lines)[1] == [
        *(Reached(NAME, 0, 63, "step"), said[0]),
        *(Reached(NAME, 5, 63, "step"), said[1]),
    ]


def test_lines_of_dvc_and_of_other_bars_are_nobody_s_news() -> None:
    others = ("Running stage 'train@tiny-0':", f"{NAME} held-out: 1 of 2 batches", "", "  ")
    assert heard(*others)[1] == []


def test_a_stage_s_own_line_is_the_reason() -> None:
    listener, events = heard(
        "error: params.yaml: rows.per_step: 4 rows",
        "\x1b[31mERROR\x1b[39m: failed to reproduce 'train@tiny-0': exited with 1",
    )
    assert (listener.fault, events) == ("params.yaml: rows.per_step: 4 rows", [])
    assert listener.status == 1


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("ERROR: failed to pull", "hint"), "failed to pull"),
        (("Traceback", "ValueError: 3"), "ValueError: 3"),
        ((), "it said nothing"),
    ],
)
def test_else_dvc_s_line_or_the_last_one(lines: tuple[str, ...], reason: str) -> None:
    assert heard(*lines)[0].fault == reason


def test_a_stop_is_no_fault() -> None:
    listener, _ = heard(f"stopped: {NAME}: SIGINT at step 9", "ERROR: failed: exited with 75")
    assert (listener.stop, listener.status) == (f"{NAME}: SIGINT at step 9", 75)
