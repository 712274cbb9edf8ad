"""The page: figures and texts into one HTML file that needs nothing else.

Jinja2 escapes all that is put in; only the style sheet and the charts go in as they are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline import paths
from pipeline.competition import landmarks
from pipeline.competition.schema import LABELS, TYPES
from pipeline.evaluation.calibration import temperature
from pipeline.files import atomic_folder
from pipeline.metrics import log_loss, row_losses
from pipeline.params import Model
from pipeline.report import advice, figures
from pipeline.report.colours import kind_style
from pipeline.report.curves import end
from pipeline.report.essays import shelves
from pipeline.report.noise import suspects
from pipeline.report.origin import Origin
from pipeline.report.run import Run
from pipeline.report.slices import groups

FOLDER = Path("report")
PAGE = FOLDER / "index.html"
COMMIT = "not noted here: make report does so in a copy"
"""Stands in the page where `make report` puts git's commit, in a copy."""

_OWN = Path(__file__).parent
_BLEND = "the blend"


def write_page(run: Run, origin: Origin, models: Mapping[str, Model]) -> list[advice.Advice]:
    """Write `report/index.html`.

    Args:
      run: a finished run.
      origin: of its numbers.
      models: the configuration's.

    Returns:
      The advice that the page gives.
    """
    rules = _rules(run)
    text = _environment().get_template("page.html").render(_content(run, origin, models, rules))
    with atomic_folder(FOLDER) as folder:
        (folder / PAGE.name).write_text(text, encoding="utf-8")
    return [rule for rule in rules if rule.fires]


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_OWN),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "loss": figures.number,
        "count": lambda value: f"{value:,}",
        "words": lambda key: str(key).replace("_", " "),
    }
    return made


def _content(
    run: Run, origin: Origin, models: Mapping[str, Model], rules: Sequence[advice.Advice]
) -> dict[str, Any]:
    elements, found = run.elements, run.ensemble
    doubted = suspects(elements.labels, run.blend)
    return {
        "style": Markup(f"{kind_style()}\n{(_OWN / 'style.css').read_text(encoding='utf-8')}"),
        "found": found,
        "best": min(found["alone"].values()),
        "elements": len(elements),
        "essays": len(set(elements.essay_ids)),
        "score": figures.score(run),
        "landmarks": landmarks,
        "rules": rules,
        "parts": [
            figures.parts(group, found["log_loss"])
            for group in groups(elements, run.texts, run.blend)
        ],
        "learning": [
            chart
            for number, (name, points) in enumerate(run.curves.items())
            for chart in (
                figures.learning(name, points, f"{number}"),
                figures.rate(name, models[name].train.optimizer, points, f"{number}"),
            )
            if chart is not None
        ],
        "timing": run.timing,
        "calibration": [figures.calibration(run), figures.confusion(run)],
        "earnings": figures.earnings(run),
        "validation": run.validation,
        "splits": paths.SPLITS,
        "labels": LABELS,
        "types": TYPES,
        "doubted": doubted,
        "shelves": shelves(run, doubted),
        "origin": origin,
        "commit": COMMIT,
    }


def _rules(run: Run) -> list[advice.Advice]:
    """Ask every rule; one that has nothing to look at gives no answer."""
    ends = {model: found for model, points in run.curves.items() if (found := end(points))}
    losses = row_losses(run.elements.labels, run.blend)
    answers = [
        advice.gap(ends),
        advice.temperature(dict(_temperatures(run))),
        advice.fold(run.elements, losses),
        advice.idle(run.ensemble["earned"]),
    ]
    return [answer for answer in answers if answer is not None]


def _temperatures(run: Run) -> Sequence[tuple[str, tuple[float, float, float]]]:
    labels, essays = run.elements.labels, run.elements.essay_ids
    found = []
    for name, rows in {_BLEND: run.blend, **run.members}.items():
        warm = temperature(labels, rows, essays)
        found.append((name, (log_loss(labels, rows), warm.nested_log_loss, warm.fitted)))
    return found
