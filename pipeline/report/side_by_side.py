"""A page that draws comparisons: the paired difference by fold, type and essay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.competition.schema import LABELS, TYPES
from pipeline.evaluation.comparison import paired
from pipeline.evaluation.head_to_head import HeadToHead
from pipeline.files import write_text
from pipeline.report.charts import Chart, draw
from pipeline.report.essays import SHOWN, Part, read_essay
from pipeline.report.figures import intervals
from pipeline.report.rendering import rendered
from pipeline.report.run import Texts, read_texts
from pipeline.report.slices import ways
from pipeline.tables.elements import read_elements

PAGE = Path("dvc_plots/compare.html")
_BINS = 30
_FEW = 5  # essays


@dataclass(frozen=True)
class Both:
    """An essay as both sides predict it.

    Attributes:
      name: its id.
      fold: the one that it is held out in.
      difference: its mean log loss by A less that by B.
      parts: its text in order, by A and by B.
    """

    name: str
    fold: int
    difference: float
    parts: Sequence[tuple[Part, Part]]


@dataclass(frozen=True)
class Drawn:
    """A comparison as the page shows it.

    Attributes:
      found: the comparison.
      charts: the difference over parts of the elements, and over essays.
      better, worse: the essays that A gains and loses most on.
    """

    found: HeadToHead
    charts: Sequence[Chart]
    better: Sequence[Both]
    worse: Sequence[Both]


def write_side_by_side(comparisons: Sequence[HeadToHead], page: Path = PAGE) -> None:
    """Write the page of some comparisons.

    Args:
      comparisons: in their order on the page.
      page: the file.

    Raises:
      UserError: a clean table is not there.
    """
    drawn = [_drawn(found, number) for number, found in enumerate(comparisons)]
    content = {"comparisons": drawn, "labels": LABELS, "types": TYPES}
    write_text(page, rendered("side_by_side.html", content))


def _drawn(found: HeadToHead, number: int) -> Drawn:
    texts = read_texts(np.isin(read_elements().folds, found.folds))
    essays, index = np.unique(np.asarray(found.rows.essay_ids, str), return_inverse=True)
    means = np.bincount(index, weights=found.differences) / np.bincount(index)
    order = np.argsort(means, kind="stable")
    better = [i for i in order[:SHOWN].tolist() if means[i] < 0]
    worse = [i for i in order[::-1][:SHOWN].tolist() if means[i] > 0]
    return Drawn(
        found=found,
        charts=[*_by_part(found, texts, number), _by_essay(means, number)],
        better=[_both(found, texts, str(essays[i]), float(means[i])) for i in better],
        worse=[_both(found, texts, str(essays[i]), float(means[i])) for i in worse],
    )


def _by_part(found: HeadToHead, texts: Texts, number: int) -> Iterator[Chart]:
    """Draw the difference over the parts of each cut of the elements."""
    differences, essays = found.differences, np.asarray(found.rows.essay_ids)
    for place, (name, names, index) in enumerate(ways(found.rows, texts)):
        rows: list[tuple[str, float, Sequence[float | None]]] = []
        for i, part in enumerate(names):
            own = index == i
            if not own.any():
                continue
            value, bounds = float(differences[own].mean()), (None, None)
            # Student's t of two or three essays is as wide as the chart.
            if len(set(essays[own])) >= _FEW:
                judged = paired(differences[own], essays[own].tolist())
                bounds = (judged.low, judged.high)
            rows.append((part, value, bounds))
        best, worst = min(rows, key=lambda row: row[1]), max(rows, key=lambda row: row[1])
        yield intervals(
            f"pair-{number}-{place}",
            f"A - B by {name}",
            rows,
            reference=0.0,
            description=f"Left of zero A is better. Lowest: {best[0]}, {best[1]:+.4f}; highest: "
            f"{worst[0]}, {worst[1]:+.4f}.",
            columns=(name, "A - B", "95 % by essay, paired"),
            x_title="log loss of A less that of B",
        )


def _by_essay(means: Float[np.ndarray, " essays"], number: int) -> Chart:
    """Draw how many essays have which difference."""
    counts, edges = np.histogram(means, bins=_BINS)
    points = [
        {"from": round(float(a), 6), "to": round(float(b), 6), "essays": int(n)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    gains, losses = int((means < 0).sum()), int((means > 0).sum())
    title = "Essays by their mean A - B"
    svg = draw(
        f"pair-{number}-essays",
        "histogram",
        points,
        x="from",
        y="essays",
        title=title,
        description=f"A is better on {gains:,} essays, B on {losses:,}.",
        x_title="log loss of A less that of B",
    )
    rows = [(f"{p['from']:+.4f} to {p['to']:+.4f}", f"{p['essays']:,}") for p in points]
    return Chart(title, svg, ("A - B", "essays"), rows)


def _both(found: HeadToHead, texts: Texts, name: str, difference: float) -> Both:
    one, other = (read_essay(found.rows, texts, rows, name, "") for rows in found.probabilities)
    parts = list(zip(one.parts, other.parts, strict=True))
    return Both(name, one.fold, difference, parts)
