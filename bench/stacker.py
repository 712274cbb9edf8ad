"""The stacker on many good members: python -m bench.stacker.

A seeded generator makes members of one truth, as many and as large as the competition's: noisy
views of each element's own quality, while its label also depends on the elements beside it. Members
differ in quality, some are near-duplicates, some are sure to the last digit (0.0 and 1.0), and some
essays have one element. The stacker is then held against the log-linear pool, both nested.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from bench import frame, tables
from pipeline import params
from pipeline.competition.schema import LABELS, TYPES
from pipeline.errors import exit_with_message
from pipeline.evaluation.blending import Rows, pooled
from pipeline.evaluation.calibration import cool, fit_temperature
from pipeline.evaluation.judging import Judge
from pipeline.evaluation.nesting import nested_split
from pipeline.evaluation.pools import arithmetic_mean, fit, geometric_mean, logarithms, pool
from pipeline.evaluation.stacker import stacked
from pipeline.evaluation.surroundings import Surroundings
from pipeline.metrics import log_loss

FOLDS = 5
ENSEMBLE = params.Ensemble(pool="loglinear", ridge=5.0e-7, nested_folds=5, seed=3)
# A start on other members too.
STACKER = params.Stacker(rounds=60, rate=0.1, leaves=8, rows_per_leaf=60)
# Shares of the labels of the competition: its thresholds between the classes of a quality.
_BIAS = np.array([-3.4, 0.0, -2.8])
_SLOPE = np.array([-1.0, 0.0, 1.0])


@dataclass(frozen=True)
class World:
    """Members of one truth.

    Attributes:
      around: the elements' places in their essays.
      labels: drawn from the truth.
      folds: of every essay.
      oof: of the members, each row by one fold's model.
      by_fold: the same rows as every fold's model would predict them, had it not seen them.
    """

    around: Surroundings
    labels: Int[np.ndarray, " rows"]
    oof: Float[np.ndarray, "rows members labels"]
    by_fold: Float[np.ndarray, "rows folds members labels"]


def make_world(rows: int, members: int, seed: int) -> World:
    """Draw essays, their truth, and members that see parts of it."""
    rng = np.random.default_rng(seed)
    essays, place, count = _essays(rows, rng)
    kinds = np.clip(
        (place / np.maximum(count, 2) * 4 + rng.integers(0, 4, rows)).astype(np.int64), 0, 6
    )
    words = np.round(np.exp(rng.normal(3.3, 0.6, rows) + 0.6 * (kinds == 5)))
    level = rng.normal(size=essays.max() + 1)[essays]
    own = 0.75 * level + rng.normal(size=rows)
    own += 0.25 * (np.log(words) - 3.3) + rng.normal(0, 0.2, len(TYPES))[kinds]
    quality = own + 0.08 * _beside(own, essays, -1) + 0.06 * _beside(own, essays, 1)
    truth = softmax(2.6 * quality[:, None] * _SLOPE + _BIAS, axis=1)
    labels = (truth.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    by_fold = _members(own, members, rng)
    fold = rng.integers(0, FOLDS, essays.max() + 1)[essays]
    around = Surroundings(essays, place, kinds, words)
    return World(around, labels, by_fold[np.arange(rows), fold], by_fold)


def _essays(
    rows: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"], Int[np.ndarray, " rows"]]:
    """Return each row's essay, its place there, and the essay's elements: 1 to 20 of them."""
    sizes = np.clip(rng.poisson(7.8, rows) + 1, 1, 20)
    sizes[::50] = 1
    essays = np.repeat(np.arange(rows), sizes)[:rows]
    first = np.r_[True, essays[1:] != essays[:-1]]
    place = np.arange(rows) - np.maximum.accumulate(np.where(first, np.arange(rows), 0))
    return essays, place, np.bincount(essays)[essays]


def _beside(
    values: Float[np.ndarray, " rows"], essays: Int[np.ndarray, " rows"], step: int
) -> Float[np.ndarray, " rows"]:
    """Return the value of the element `step` further in the same essay, 0 where there is none."""
    there = np.roll(values, -step)
    return np.where(np.roll(essays, -step) == essays, there, 0.0)


def _members(
    own: Float[np.ndarray, " rows"], members: int, rng: np.random.Generator
) -> Float[np.ndarray, "rows folds members labels"]:
    rows = len(own)
    shared = rng.normal(size=rows)
    out, error = np.empty((rows, FOLDS, members, len(LABELS))), shared
    for m in range(members):
        before, error = error, 0.35 * shared + rng.uniform(0.1, 0.3) * rng.normal(size=rows)
        if m % 7 == 6:
            # A near-duplicate of the one before.
            error = before + 0.02 * rng.normal(size=rows)
        noise = rng.uniform(0.1, 0.25) * rng.normal(size=(rows, FOLDS))
        sharpness = rng.uniform(2.4, 3.0) / (1.0 + error.var())
        view = sharpness * (own + error)[:, None] + sharpness * noise
        logits = view[:, :, None] * _SLOPE + _BIAS + rng.normal(0, 0.1, len(LABELS))
        logits += 0.3 * rng.normal(size=logits.shape)
        out[:, :, m] = softmax(logits, axis=2)
        if m % 11 == 10:
            # Sure to the last digit, as a member in half precision may be.
            sure = out[:, :, m].max(axis=2, keepdims=True) > 0.97
            hard = np.eye(len(LABELS))[out[:, :, m].argmax(axis=2)]
            out[:, :, m] = np.where(sure, hard, out[:, :, m])
    return out


def main(argv: Sequence[str] | None = None) -> None:
    parser = frame.parser(__doc__ or "")
    parser.add_argument("--rows", type=int, default=29_557)
    parser.add_argument("--members", type=int, default=35)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--views", action="store_true", help="instead, what means over folds cost the pool"
    )
    wanted = parser.parse_args(argv)
    world = make_world(wanted.rows, wanted.members, wanted.seed)
    print(_views(world) if wanted.views else _stacker(world))
    print(tables.machine([]))


def _stacker(world: World) -> str:
    """The stacker beside the pools, nested, with intervals by essay and times."""
    members, labels = world.oof, world.labels
    ids = [str(essay) for essay in world.around.essays]
    split, judge = nested_split(ids, ENSEMBLE.nested_folds, ENSEMBLE.seed), Judge(labels, ids)
    alone = [log_loss(labels, members[:, m]) for m in range(members.shape[1])]
    began, cpu = time.perf_counter(), time.process_time()
    found = pooled("loglinear", members, labels, split, ENSEMBLE.ridge)
    pool_s, pool_cpu = time.perf_counter() - began, time.process_time() - cpu
    began, cpu = time.perf_counter(), time.process_time()
    stack = stacked(ENSEMBLE, STACKER, members, labels, split, world.around)
    stack_s, stack_cpu = time.perf_counter() - began, time.process_time() - cpu

    def row(name: str, rows: Rows, seconds: str) -> list[str]:
        gain, (low, high) = judge.gain(rows, found.held)
        beside = f"{gain:+.4f} ({low:+.4f} to {high:+.4f})"
        return [name, f"{judge.loss(rows):.4f}", beside, seconds]

    single = f"{min(alone):.4f} to {max(alone):.4f}"
    return tables.table(
        ["nested", "log loss", "gain on the log-linear pool", "seconds (of processor)"],
        [
            ["members alone", single, "", ""],
            row("arithmetic mean", arithmetic_mean(members), ""),
            row("geometric mean", geometric_mean(members), ""),
            row("log-linear pool", found.held, f"{pool_s:.1f} ({pool_cpu:.1f})"),
            row("stacker", stack.held, f"{stack_s:.1f} ({stack_cpu:.1f})"),
        ],
    )


def _views(world: World) -> str:
    """The pool on single folds, on means over folds, and what corrections of it bring.

    Half of the essays fit the weights out of fold. The others play the test set, which every fold's
    model predicts.
    """
    fits = world.around.essays % 2 == 0
    test, labels = world.by_fold[~fits], world.labels[~fits]
    judge = Judge(labels, [str(essay) for essay in world.around.essays[~fits]])
    lines = []
    for some in (1, 3, world.oof.shape[1]):
        fitted = fit("loglinear", world.oof[fits][:, :some], world.labels[fits], ENSEMBLE.ridge)
        views = test[:, :, :some]
        geometric = softmax(logarithms(views).mean(axis=1), axis=2)
        mean = pool(fitted, views.mean(axis=1))
        each = np.stack([pool(fitted, views[:, fold]) for fold in range(FOLDS)], axis=1)
        found = {
            "one fold's": pool(fitted, views[:, 0]),
            "mean over folds, then the pool (as it is)": mean,
            "geometric mean over folds, then the pool": pool(fitted, geometric),
            "the pool of each fold, then their mean": each.mean(axis=1),
            "as it is, with the best temperature of the test's own labels": cool(
                mean, fit_temperature(labels, mean)
            ),
            "as it is, with weights fitted to the test's own labels": pool(
                fit("loglinear", views.mean(axis=1), labels, ENSEMBLE.ridge), views.mean(axis=1)
            ),
        }
        for name, rows in found.items():
            gain, (low, high) = judge.gain(rows, mean)
            beside = f"{gain:+.4f} ({low:+.4f} to {high:+.4f})"
            lines.append([str(some), name, f"{judge.loss(rows):.4f}", beside])
    return tables.table(
        ["members", "test predictions", "log loss", "gain on the pool as it is"], lines
    )


if __name__ == "__main__":
    exit_with_message(main)
