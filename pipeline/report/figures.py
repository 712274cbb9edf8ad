"""The page's charts, each with its figures as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from pipeline.competition.schema import LABELS
from pipeline.evaluation.calibration import reliability
from pipeline.params import Optimizer
from pipeline.report.charts import Chart, draw, interval, number
from pipeline.report.curves import band, shares
from pipeline.report.run import Point, Run
from pipeline.report.slices import Group
from pipeline.reserved import BASELINE
from pipeline.training.history import GRADIENT

THIN = 30
"""A bin of the calibration with fewer elements tells little; no curve is drawn through it."""

_ROW = 26  # pixels of a row of intervals
_OTHERS = 6  # members beside the best and the baseline


def score(run: Run) -> Chart:
    """Draw the blend's log loss beside its members' and the priors'."""
    found = run.ensemble
    alone, bounds = found["alone"], found["intervals"]
    best = min(alone, key=alone.__getitem__)
    ranked = sorted(alone, key=alone.__getitem__)
    names = {best: f"best member: {best}", **{name: name for name in ranked[1 : 1 + _OTHERS]}}
    names.setdefault(BASELINE, BASELINE)
    rows: list[tuple[str, float, Sequence[float | None]]] = [
        ("the blend", found["log_loss"], bounds["log_loss"]),
        *((title, alone[name], bounds["alone"][name]) for name, title in names.items()),
        ("priors by type", found["priors"]["types"], (None, None)),
        ("class priors", found["priors"]["classes"], (None, None)),
    ]
    return intervals(
        "score",
        "Log loss, lower is better",
        rows,
        reference=found["log_loss"],
        description=f"The blend has {number(found['log_loss'])}, the best member, {best}, "
        f"{number(alone[best])}, class priors {number(found['priors']['classes'])}.",
        columns=("prediction", "log loss", "95 % by essay"),
    )


def parts(group: Group, overall: float) -> Chart:
    """Draw the blend's log loss over the parts of one cut."""
    worst = max(group.parts, key=lambda part: part.log_loss)
    drawn = intervals(
        f"by-{group.name.replace(' ', '-')}",
        f"By {group.name}",
        [(part.name, part.log_loss, (part.low, part.high)) for part in group.parts],
        reference=overall,
        description=f"Highest: {worst.name}, {number(worst.log_loss)}; overall {number(overall)}.",
    )
    table = [
        (
            part.name,
            f"{part.elements:,}",
            f"{part.essays:,}",
            number(part.log_loss),
            _bounds(part.low, part.high),
            f"{part.accuracy:.1%}",
        )
        for part in group.parts
    ]
    columns = (group.name, "elements", "essays", "log loss", "95 % by essay", "accuracy")
    return Chart(drawn.title, drawn.svg, columns, table)


def earnings(run: Run) -> Chart | None:
    """Draw what each member earns; None where there is one alone."""
    earned = run.ensemble["earned"]
    if not earned:
        return None
    best = sorted(earned, key=lambda name: -earned[name]["gain"])
    return intervals(
        "earned",
        "Log loss that the pool would have more without a member",
        [(name, earned[name]["gain"], earned[name]["interval"]) for name in best],
        reference=0.0,
        description=f"{best[0]} earns most, {earned[best[0]]['gain']:+.4f}; an interval that "
        "reaches 0 is a member that may earn nothing.",
        columns=("member", "earns", "95 % by essay, paired"),
        x_title="log loss that it saves",
    )


def learning(model: str, points: Sequence[Point], key: str) -> Chart | None:
    """Draw a model's learning curves over its folds; None where no fold has any."""
    bands = {"training": band(points, "train"), "held out": band(points, "validation")}
    drawn = [
        {"epoch": x, "mean": mean, "low": low, "high": high, "series": name}
        for name, found in bands.items()
        if found is not None
        for x, mean, low, high in zip(
            *(a.round(6).tolist() for a in (found.epoch, found.mean, found.low, found.high)),
            strict=True,
        )
    ]
    held = [point for point in drawn if point["series"] == "held out"]
    if not held:
        return None
    best = min(held, key=lambda point: point["mean"])
    title = f"{model}: loss, mean and range of the folds"
    svg = draw(
        f"learning-{key}",
        "band",
        drawn,
        x="epoch",
        y="mean",
        title=title,
        description=f"Held-out loss ends at {number(held[-1]['mean'])} after {held[-1]['epoch']:g} "
        f"epochs; its lowest mean is {number(best['mean'])} after {best['epoch']:g}.",
    )
    rows = [
        (f"{p['epoch']:.2f}", number(p["mean"]), number(p["low"]), number(p["high"])) for p in held
    ]
    return Chart(title, svg, ("epoch", "held out, mean", "lowest fold", "highest fold"), rows)


def rate(model: str, options: Optimizer, points: Sequence[Point], key: str) -> Chart | None:
    """Draw the head's learning rate over a model's epochs; None where nothing was trained."""
    if not points:
        return None
    last = max(points, key=lambda point: point.step)
    places, share = shares(options, last.step)
    rates = (share * options.head_rate).tolist()
    epochs = (places * last.epoch).tolist()
    title = f"{model}: learning rate"
    svg = draw(
        f"rate-{key}",
        "rate",
        [{"epoch": x, "rate": y} for x, y in zip(epochs, rates, strict=True)],
        x="epoch",
        y="rate",
        title=title,
        description=f"Rises over the first {options.warmup:.0%} of {last.step:,} steps to "
        f"{options.head_rate:g}, then falls to 0; the backbone's peak is "
        f"{options.backbone_rate:g}.",
        height=160,
    )
    few = range(0, len(rates), max(1, len(rates) // 10))
    rows = [(f"{epochs[i]:.2f}", f"{rates[i]:.2e}") for i in few]
    return Chart(title, svg, ("epoch", "rate of the head"), rows)


def gradient(model: str, options: Optimizer, points: Sequence[Point], key: str) -> Chart | None:
    """Draw the gradient's norm over its folds; None where no fold has noted any."""
    found = band(points, GRADIENT)
    if found is None:
        return None
    rows = list(
        zip(
            *(a.round(6).tolist() for a in (found.epoch, found.mean, found.low, found.high)),
            strict=True,
        )
    )
    title = f"{model}: norm of the gradient, mean and range of the folds"
    above = float((found.mean > options.clip).mean())
    svg = draw(
        f"gradient-{key}",
        "norm",
        [{"epoch": x, "mean": mean, "low": low, "high": high} for x, mean, low, high in rows],
        x="epoch",
        y="mean",
        title=title,
        description=f"Before clipping at {options.clip:g}, above which the mean is for "
        f"{above:.0%} of the time; it ends at {rows[-1][1]:.3g}.",
        height=160,
    )
    few = range(0, len(rows), max(1, len(rows) // 10))
    table = [(f"{rows[i][0]:.2f}", *(f"{value:.3g}" for value in rows[i][1:])) for i in few]
    return Chart(title, svg, ("epoch", "mean", "lowest fold", "highest fold"), table)


def calibration(run: Run) -> Chart:
    """Draw how often the blend is right, by how sure it is."""
    elements = run.elements
    bins = reliability(elements.labels, run.blend, elements.essay_ids)
    table = [
        (
            f"{one.confidence:.3f}",
            f"{one.accuracy:.3f}",
            _bounds(one.low, one.high),
            f"{one.count:,}{' (thin)' if one.count < THIN else ''}",
        )
        for one in bins
    ]
    svg = draw(
        "calibration",
        "calibration",
        [asdict(one) for one in bins],
        x="confidence",
        y="accuracy",
        title="Calibration of the blend",
        description=f"Expected calibration error {number(run.ensemble['ece'])}. Below the dashed "
        f"line the blend is too sure. Crosses are bins of fewer than {THIN} elements; one of a "
        "single element is not drawn.",
        height=300,
    )
    columns = ("mean probability", "share right", "95 % by essay", "elements")
    return Chart("Calibration of the blend", svg, columns, table)


def confusion(run: Run) -> Chart:
    """Draw the blend's likeliest labels against the given ones."""
    labels, found = run.elements.labels, run.blend.argmax(axis=1)
    points = [
        {"rev": "", "actual": LABELS[a], "predicted": LABELS[p]}
        for a, p in zip(labels.tolist(), found.tolist(), strict=True)
    ]
    counts = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(counts, (labels, found), 1)
    svg = draw(
        "confusion",
        "confusion_shares",
        points,
        x="predicted",
        y="actual",
        title="Labelled against predicted",
        description=f"{run.ensemble['accuracy']:.1%} of the elements are on the diagonal.",
        height=280,
        legend=False,
    )
    rows = [(name, *(f"{n:,}" for n in counts[i])) for i, name in enumerate(LABELS)]
    columns = ("labelled", *(f"predicted {name}" for name in LABELS))
    return Chart("Labelled against predicted", svg, columns, rows)


def intervals(
    key: str,
    title: str,
    rows: Sequence[tuple[str, float, Sequence[float | None]]],
    *,
    reference: float,
    description: str,
    columns: Sequence[str] = (),
    x_title: str = "log loss",
) -> Chart:
    """Draw values with their intervals, one below the other.

    Args:
      key: of the chart, another for each of a page.
      title: its heading.
      rows: name, value, and the interval's ends, which may be missing, of each.
      reference: where a dashed line is drawn.
      description: the drawing in words.
      columns: of the table of figures.
      x_title: of the axis.
    """
    points: list[Mapping[str, Any]] = [
        {"name": name, "value": value, "low": low, "high": high, "reference": reference}
        for name, value, (low, high) in rows
    ]
    svg = draw(
        key,
        "intervals",
        points,
        x="value",
        y="name",
        title=title,
        description=description,
        height=_ROW * len(rows) + 50,
        x_title=x_title,
    )
    table = [(name, number(value), _bounds(low, high)) for name, value, (low, high) in rows]
    return Chart(title, svg, columns, table)


def _bounds(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else interval(low, high)
