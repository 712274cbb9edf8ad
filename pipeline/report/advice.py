"""Rules that say what to try next: each looks at one figure, and fires beyond its threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from pipeline.evaluation.comparison import paired
from pipeline.report.curves import End
from pipeline.tables.elements import Elements

GAP = 0.10
"""Log loss. A model of words that overfits harmlessly has about this, and dropout hides some."""

WARMING = 0.005
"""Log loss: what winners report for a technique of its own, and costs nothing here."""

_LEVEL = 0.05  # the chance that any fold at all is called out of line where none is


@dataclass(frozen=True)
class Advice:
    """One rule's answer.

    Attributes:
      rule: the name of what it looks at.
      found: the figure that it found, with its subject.
      threshold: the figure beyond which it fires.
      fires: whether it does.
      action: the thing to try then.
    """

    rule: str
    found: str
    threshold: str
    fires: bool
    action: str


def gap(ends: Mapping[str, End]) -> Advice | None:
    """Look at the widest gap between the losses in training and on held-out essays.

    Args:
      ends: of each model; without one there is no answer.
    """
    if not ends:
        return None
    model = max(ends, key=lambda name: ends[name].gap)
    return Advice(
        rule="Gap between training and held-out loss",
        found=f"{model}: {ends[model].gap:+.4f}, the widest of {_count(len(ends), 'model')}",
        threshold=f"above {GAP:.2f}",
        fires=ends[model].gap > GAP,
        action=f"{model} learns its essays by heart. Try fewer epochs, a lower rate, more dropout "
        "or train.mask_share; masked-language-model pre-training helps most where data is short.",
    )


def temperature(losses: Mapping[str, tuple[float, float, float]]) -> Advice:
    """Look at the most that one temperature would take off a log loss.

    Args:
      losses: of each prediction its log loss, that under a temperature (fitted without the essays
        that it is judged on), and the temperature that all essays together ask for.
    """
    name = max(losses, key=lambda one: losses[one][0] - losses[one][1])
    plain, cooled, fitted = losses[name]
    sure = "too sure" if fitted > 1.0 else "not sure enough"
    return Advice(
        rule="Gain by a temperature",
        found=f"{name}: {plain - cooled:+.4f} at temperature {fitted:.2f}, "
        f"the most of {_count(len(losses), 'prediction')}",
        threshold=f"above {WARMING:.3f}",
        fires=plain - cooled > WARMING,
        action=f"{name} is {sure}. The log-linear pool mends that in the blend; at its root, "
        + (
            "try fewer epochs, label_smoothing or soft labels."
            if fitted > 1.0
            else "try more epochs or less label_smoothing."
        ),
    )


def fold(elements: Elements, losses: Float[np.ndarray, " rows"]) -> Advice | None:
    """Look at the fold that lies farthest from the others, measured by the spread of essays.

    A fold's essays and all others are two samples, each with the standard error of its mean loss
    by essay. The bound on their distance in such errors is Bonferroni's over all folds.

    Args:
      elements: those that are predicted.
      losses: of each; one fold alone, or one essay in a fold, gives no answer.
    """
    folds = np.unique(elements.folds)
    essays = np.asarray(elements.essay_ids)
    if len(folds) < 2 or any(len(set(essays[elements.folds == f])) < 2 for f in folds):
        return None
    distances = {}
    for one in folds.tolist():
        inside = elements.folds == one
        own, rest = (paired(losses[m], essays[m].tolist()) for m in (inside, ~inside))
        error = float(np.hypot(own.error, rest.error))
        difference = own.difference - rest.difference
        distances[one] = (difference / error if error else 0.0, difference, error)
    worst = max(distances, key=lambda one: abs(distances[one][0]))
    bound = float(norm.isf(_LEVEL / (2 * len(folds))))
    distance, difference, error = distances[worst]
    return Advice(
        rule="A fold out of line",
        found=f"fold {worst}: {difference:+.4f} against the others, {abs(distance):.1f} standard "
        f"errors of its essays ({error:.4f} each)",
        threshold=f"above {bound:.1f} standard errors",
        fires=abs(distance) > bound,
        action=f"Chance of the essays doesn't explain fold {worst}. Look at its learning curve and "
        "its worst essays; another training seed tells luck of the start from that of the essays.",
    )


def idle(earned: Mapping[str, Mapping[str, object]]) -> Advice | None:
    """Look for members without which the blend would do as well.

    Args:
      earned: by member its gain and the paired interval; a single member gives no answer.
    """
    if not earned:
        return None
    lows = {name: _low(found["interval"]) for name, found in earned.items()}
    useless = sorted((name for name in lows if lows[name] <= 0.0), key=lambda name: lows[name])
    least = min(lows, key=lambda name: lows[name])
    found = f"{least}: at least {lows[least]:+.4f}, the least of {_count(len(lows), 'member')}"
    return Advice(
        rule="A member that earns nothing",
        found=found if len(useless) < 2 else f"{found}; {len(useless)} such members",
        threshold="interval reaches 0",
        fires=bool(useless),
        action=f"The blend does as well without {_listed(useless)}. Leave one out at a time, or "
        "set ensemble.drop; a member that errs elsewhere (another encoder, other inputs) earns "
        "more.",
    )


def _low(interval: object) -> float:
    assert isinstance(interval, Sequence)
    return float(interval[0])


def _listed(names: Sequence[str]) -> str:
    return f"{names[0]} or {len(names) - 1} others" if len(names) > 3 else " or ".join(names)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
