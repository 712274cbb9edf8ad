"""Which global step is which: ends of epochs, evaluations, and where a resumed run goes on."""

import dataclasses
import os
import signal

import jax
import numpy as np
import pytest

import tests.training.tiny as tiny
from pipeline.errors import UserError
from pipeline.inputs.tokens import Tokens, Window, _Chunk
from pipeline.params import Session
from pipeline.training.history import History, Validation
from pipeline.training.interruptions import SIGNALS, Interruptions
from pipeline.training.loop import Loop
from pipeline.training.schedule import Schedule
from tests.configurations import section


def store() -> Tokens:
    """Five windows of two to six tokens, one element each."""
    lengths = np.array([2, 3, 4, 5, 6], np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    total = int(lengths.sum())
    values = Window(
        ids=np.arange(total, dtype=np.int32),
        slot=np.zeros(total, np.int16),
        element=np.arange(5, dtype=np.int32),
        weight=np.ones(5, np.float32),
    )
    chunk = _Chunk(0, offsets, np.arange(6, dtype=np.int32), values)
    return Tokens(
        essay_ids=list("abcde"),
        lengths=lengths,
        n_slots=np.ones(5, np.int32),
        element_ids=list("vwxyz"),
        chunks=[chunk],
        chunk_of=np.zeros(5, np.int64),
    )


@pytest.fixture
def schedule() -> Schedule:
    """Epochs of five and of three rows, two rows a step: three steps and two."""
    options = tiny.options(rows=dataclasses.replace(tiny.options().rows, per_step=2))
    plans = [
        [np.array([w]) for w in (4, 3, 2, 1, 0)],
        [np.array([0, 1]), np.array([2, 3]), np.array([4])],
    ]
    return Schedule(store(), np.array([0, 1, 2, 1, 0]), np.arange(5), plans, options, pad_id=0)


def test_steps_are_counted_over_all_epochs(schedule: Schedule) -> None:
    assert schedule.ends.tolist() == [3, 5]
    assert schedule.total == 5
    assert [schedule.epoch(step) for step in (0, 3, 4, 5)] == [0.0, 1.0, 1.5, 2.0]


def test_the_last_evaluation_is_left_to_the_end_of_the_run(schedule: Schedule) -> None:
    assert schedule.evaluations == {3}
    twice = dataclasses.replace(schedule, options=tiny.options(evaluations=2))
    twice = dataclasses.replace(twice, options=dataclasses.replace(
        twice.options, rows=schedule.options.rows))  # fmt: skip
    assert twice.evaluations == {2, 3, 4}


@pytest.mark.parametrize("start", range(6))
def test_a_resumed_run_sees_the_rest_of_the_batches(schedule: Schedule, start: int) -> None:
    whole, rest = list(schedule.batches(0)), list(schedule.batches(start))
    assert len(whole) == 5
    for one, other in zip(whole[start:], rest, strict=True):
        jax.tree.map(np.testing.assert_array_equal, one, other)


def watching(stop_after: float | None = None) -> Interruptions:
    return Interruptions(section(Session, checkpoint_minutes=1.0, stop_after_minutes=stop_after))


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_a_reason_to_stop(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    watched = watching()
    assert watched.reason() is None
    os.kill(os.getpid(), number)
    assert watched.reason() == number.name


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_the_shell_ignores_stays_ignored(number: signal.Signals) -> None:
    """`nohup` and `&` in a script mean that the run goes on."""
    signal.signal(number, signal.SIG_IGN)
    watched = watching()
    os.kill(os.getpid(), number)
    assert watched.reason() is None


@pytest.mark.usefixtures("signals")
def test_the_end_of_a_session_is_a_reason_to_stop() -> None:
    assert watching(1e-9).reason() == "session.stop_after_minutes (1e-09)"


def test_a_validation_loss_that_is_not_finite_ends_the_run(schedule: Schedule) -> None:
    """A float16 run may skip its last steps, whose losses nothing else would hold."""
    loop = Loop("train@small-0", schedule, lambda: pytest.fail("no step"), None, [])
    history = History(schedule.total)
    loop.note_validation({}, Validation(1.0), 3, history)
    with pytest.raises(UserError, match=r"loss is not finite at step 5 \(loss nan\)"):
        loop.note_validation({}, Validation(float("nan")), 5, history)
