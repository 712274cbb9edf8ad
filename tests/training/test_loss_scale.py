"""The loss's scale: its rule by hand, real overflows on a CPU, and a run that is stopped midway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.training.dynamic_scale import DynamicScale

import tests.training.tiny as tiny
from pipeline import devices as machine
from pipeline.encoders.head import TokenClassifier
from pipeline.errors import Stopped, UserError
from pipeline.inputs.packing import Batch
from pipeline.params import Perturbation, Train
from pipeline.training import loss_scale
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.history import History
from pipeline.training.interruptions import Interruptions
from pipeline.training.loop import Loop
from pipeline.training.loss_scale import LEAST, LossScale, Scaled, scaled
from pipeline.training.schedule import Schedule
from pipeline.training.step import Step, TrainState, train_step


def begin(scale: float) -> LossScale:
    zero = jnp.zeros((), jnp.int32)
    return LossScale(jnp.asarray(scale, jnp.float32), zero, zero)


def follow(scale: float, told: str) -> list[tuple[float, int, int]]:
    """Scale, good and skipped steps after each of some steps: "+" is finite, "-" is not."""
    found, state = [], begin(scale)
    for sign in told:
        state = state.after(jnp.asarray(sign == "+"))
        found.append((float(state.scale), int(state.good), int(state.skipped)))
    return found


def test_the_rule_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half after an overflow, twice after three steps in a row without."""
    monkeypatch.setattr(loss_scale, "GROWTH_INTERVAL", 3)
    assert follow(16.0, "-+++++-+++") == [
        *((8.0, 0, 1), (8.0, 1, 1), (8.0, 2, 1), (16.0, 0, 1)),
        *((16.0, 1, 1), (16.0, 2, 1), (8.0, 0, 2)),
        *((8.0, 1, 2), (8.0, 2, 2), (16.0, 0, 2)),
    ]
    assert follow(2.0**24, "+++") == [(2.0**24, 1, 0), (2.0**24, 2, 0), (2.0**24, 0, 0)]


def test_it_is_flax_s_rule_but_for_the_step_on_which_it_grows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Flax grows on the step after so many, PyTorch and this project on the last of them."""
    monkeypatch.setattr(loss_scale, "GROWTH_INTERVAL", 4)
    told = "".join("-" if draw < 0.15 else "+" for draw in np.random.default_rng(3).random(80))
    other, expected = DynamicScale(growth_interval=3, scale=cast(Any, jnp.float32(1024.0))), []
    for sign in told:
        slope = 1.0 if sign == "+" else np.inf
        other = other.value_and_grad(lambda p, slope=slope: p * slope)(1.0).dynamic_scale
        expected.append(float(other.scale))
    assert [scale for scale, _, _ in follow(1024.0, told)] == expected
    assert {512.0, 1024.0, 2048.0} <= set(expected)


def test_a_run_ends_below_the_least_scale() -> None:
    assert [begin(s).exhausted for s in (2 * LEAST, LEAST, LEAST / 2)] == [False, False, True]


class Steps:
    """A tiny BERT's step in a dtype, on two devices in two parts."""

    def __init__(self, folder: Path, dtype: str, initial: float | None, **changes: Any) -> None:
        self.model: TokenClassifier = tiny.model(folder, dtype=dtype)
        self.options: Train = tiny.options(accumulation=2, **changes)
        adamw = tiny.optimizer(self.model, self.options)
        self.optimizer = adamw if initial is None else scaled(adamw, initial)
        self.devices = jax.devices()[:2]
        step = train_step(self.model, self.optimizer, self.options)
        self.step: Step = machine.parallel(step, self.devices, replicated_out=True)

    def start(self) -> TrainState:
        state = TrainState.create(tiny.parameters(self.model), self.optimizer, 40, 5)
        return machine.replicate(state, self.devices)

    def take(self, state: TrainState, batch: Batch) -> Any:
        return self.step(state, machine.split(batch, len(self.devices), 2))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    return Steps(tmp_path_factory.mktemp("half"), "float16", 2.0**24)


def bits(tree: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.mark.slow
def test_an_overflow_changes_nothing_but_the_scale_and_the_counts(half: Steps) -> None:
    state = half.start()
    negative = jax.tree.map(lambda leaf: jnp.where(leaf == 0.0, -0.0, leaf), state.params)
    state = machine.replicate(state._replace(params=negative), half.devices)
    after, metrics = half.take(state, tiny.batch(16))
    assert np.isfinite(float(metrics.loss))
    assert not np.isfinite(float(metrics.norm))
    assert bits(after.params) == bits(state.params)
    assert bits(after.moments.inner) == bits(state.moments.inner)
    assert int(after.step) == 1
    assert after.moments.scaling == (2.0**23, 0, 1)
    assert metrics.scaling == after.moments.scaling


@pytest.mark.slow
def test_scales_of_real_overflows(half: Steps) -> None:
    """Halved until the gradient is finite; Adam's bias correction counts the steps taken."""
    state, scales = half.start(), []
    for seed in range(10):
        state, metrics = half.take(state, tiny.batch(16, seed))
        scales.append(float(metrics.scaling.scale))
        assert np.isfinite(float(metrics.norm)) == (seed >= SKIPPED)
    assert scales == [2.0 ** (23 - min(i, SKIPPED - 1)) for i in range(10)]
    assert (int(state.step), int(state.moments.scaling.skipped)) == (10, SKIPPED)
    assert int(state.moments.inner[1].count) == 10 - SKIPPED


SKIPPED = 8


@pytest.mark.slow
def test_an_overflow_in_one_part_of_one_device_skips_the_step_on_all(half: Steps) -> None:
    scaling = begin(2.0**8)

    def taken(batch: Batch) -> Any:
        state = half.start()
        moments = Scaled(scaling, state.moments.inner)
        state = machine.replicate(state._replace(moments=moments), half.devices)
        return half.take(state, batch)[0].moments.scaling

    batch = tiny.batch(16)
    assert taken(batch) == (2.0**8, 1, 0)
    heavy = np.array(batch.weight)
    heavy[0] *= 1e6
    assert taken(batch._replace(weight=heavy)) == (2.0**7, 0, 1)


@pytest.mark.slow
def test_a_scale_changes_no_gradient_with_a_perturbation_neither(tmp_path: Path) -> None:
    """In float32, where nothing overflows and a power of two rounds nothing."""
    moves = Perturbation(leaves="matrices", size=0.05, bound=0.1)
    plain, times = (Steps(tmp_path, "float32", s, perturbation=moves) for s in (None, 2.0**16))
    one, other = plain.start(), times.start()
    for seed in range(2):
        one, a = plain.take(one, tiny.batch(16, seed))
        other, b = times.take(other, tiny.batch(16, seed))
        assert float(b.norm) == pytest.approx(float(a.norm), rel=1e-5)
    for x, y in zip(jax.tree.leaves(one.params), jax.tree.leaves(other.params), strict=True):
        np.testing.assert_allclose(y, x, atol=1e-4 * np.abs(x).max() + 1e-6)
    half = Steps(tmp_path, "float16", 2.0**24, perturbation=moves)
    state, norms = half.start(), []
    for _ in range(9):
        state, metrics = half.take(state, tiny.batch(16))
        norms.append(float(metrics.norm))
    assert not np.isfinite(norms[0])
    assert np.isfinite(norms[-1])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))


class Drawn(Schedule):
    """Twelve steps, each of a batch drawn from its number."""

    def __init__(self, options: Train) -> None:
        object.__setattr__(self, "options", options)

    @property
    def total(self) -> int:
        return 12

    @property
    def evaluations(self) -> set[int]:
        return set()

    def epoch(self, step: int) -> float:
        return step / 12

    def batches(self, start: int) -> Iterator[Batch]:
        return (tiny.batch(16, seed) for seed in range(start, 12))


class After(Interruptions):
    """Asks to stop after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def reason(self) -> str | None:
        self.left -= 1
        return "asked" if self.left == 0 else None


def run(steps: Steps, folder: Path, stop: int, state: TrainState) -> tuple[TrainState, History]:
    loop = Loop("train@tiny-0", Drawn(steps.options), lambda: steps.step, None, steps.devices)
    with Checkpoints(folder) as checkpoints:
        return loop.run(state, checkpoints, After(stop), 1e9)


@pytest.mark.slow
def test_a_stopped_run_ends_with_the_bits_of_a_whole_one(
    half: Steps, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With overflows before and after the stop, which falls between them."""
    whole, curve = run(half, tmp_path / "whole", 0, half.start())
    with pytest.raises(Stopped):
        run(half, tmp_path / "stopped", 3, half.start())
    resumed, again = run(half, tmp_path / "stopped", 0, half.start())
    assert bits(resumed) == bits(whole)
    assert whole.moments.scaling == (2.0**24 / 2**SKIPPED, 12 - SKIPPED, SKIPPED)
    assert again.points == curve.points
    steps = [step for step, _, series, _ in curve.points if series == "train"]
    assert steps == list(range(SKIPPED + 1, 13))
    assert np.isfinite([point[3] for point in curve.points]).all()
    told = (
        f"train@tiny-0: {SKIPPED} of 12 steps skipped, for their gradient overflowed; the loss's "
        f"scale ends at {2.0**24 / 2**SKIPPED:g}"
    )
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count(told) == 2


@pytest.mark.slow
def test_where_no_scale_will_do_the_run_ends_in_one_line(half: Steps, tmp_path: Path) -> None:
    state = half.start()
    huge = jax.tree.map(lambda leaf: leaf * 1e6, state.params)
    moments = Scaled(begin(2 * LEAST), state.moments.inner)
    state = machine.replicate(state._replace(params=huge, moments=moments), half.devices)
    with pytest.raises(UserError, match=r"not finite at step 2 .*whatever scale down to 0\.0001"):
        run(half, tmp_path / "run", 0, state)
