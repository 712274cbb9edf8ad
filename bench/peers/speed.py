"""Training and inference in turn, as tables; what `bench.peers` and `bench.gpu` share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import frame, tables, turns
from bench.peers import configuration
from bench.peers.windows import Windows

DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True)
class Options:
    """How long to measure, and against what.

    Attributes:
      essays: drawn evenly from the configuration's own.
      steps: of training after the first one, in each round.
      area: tokens of torch's padded batch; None is as many as this project's rows have.
      attention: torch's; None is what transformers takes for the class.
    """

    rounds: int
    essays: int
    steps: int
    dtypes: Sequence[str] = DTYPES
    area: int | None = None
    attention: str | None = None
    python: str = frame.TORCH


@dataclass(frozen=True)
class Measured:
    """One task's peers, their figures round by round, and the essays."""

    names: list[str]
    figures: list[list[turns.Figures]]
    windows: Windows


def measure(
    comparison: configuration.Comparison, task: str, options: Options, folder: Path = Path()
) -> Measured:
    """Run this project and torch in turn, each with every dtype."""
    rows = comparison.train.rows
    with frame.fresh() as (scratch, environment):  # the first round compiles
        data = scratch / "windows.npz"
        windows = comparison.whole(options.essays, data)
        theirs = [*options.dtypes]
        if task == "predict" and "bfloat16" in theirs:
            theirs.append("bfloat16 weights")
        area = options.area or rows.per_step * rows.length
        asked = [
            comparison.request(
                task, data, dtype, steps=options.steps, area=area, attention=options.attention
            )
            for dtype in theirs
        ]
        own = asked[: len(options.dtypes)]
        peers = [configuration.ours(request, environment) for request in own]
        peers += [configuration.torch(request, options.python) for request in asked]
        figures = turns.in_turn(peers, options.rounds, folder)
    return Measured([peer.name for peer in peers], figures, windows)


HEADER = ("peer", "real tokens/s", "essays/s", "first step, s: cold; warm", "memory, MB")


def rows(measured: Measured, essays: int) -> list[list[str]]:
    """Medians with their spread for every peer."""
    per_essay = measured.windows.lengths.sum() / essays
    made = []
    for name, figures in zip(measured.names, measured.figures, strict=True):
        speeds = tables.column(figures, "tokens_per_second")
        first = tables.column(figures, "first_step")
        warm = tables.spread(first[1:], ".1f") if len(first) > 1 else "-"
        made.append(
            [
                name,
                tables.spread(speeds, ",.0f"),
                tables.spread([speed / per_essay for speed in speeds]),
                f"{first[0]:.1f}; {warm}",
                tables.spread(tables.column(figures, "megabytes"), ",.0f"),
            ]
        )
    return made


def report(measured: Measured, title: str, essays: int) -> str:
    """The peers' table, and the ratios of this project's rows to torch's."""
    windows = measured.windows
    told = (
        f"{title}: {essays:,} essays, {windows.lengths.sum():,} tokens in {len(windows.lengths):,} "
        f"windows, {len(measured.figures[0])} round(s)"
    )
    ratios = tables.ratio_table(
        measured.names, measured.figures, "tokens_per_second", ours="this project"
    )
    return f"{told}\n\n{tables.table(HEADER, rows(measured, essays))}\n\n{ratios}\n"


def everything(measured: Sequence[Measured]) -> list[turns.Figures]:
    """All figures, for the line about the machine."""
    return [figure for one in measured for own in one.figures for figure in own]
