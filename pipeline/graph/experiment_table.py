"""A table of experiments: the blend's loss, and the parameters that each one changed."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NAME, _FIGURE = 24, 8  # characters of a column
_HEADER = f"{'experiment':<{_NAME}}{'blend':>{_FIGURE}}{'best':>{_FIGURE}}  changed parameters"


@dataclass(frozen=True)
class Experiment:
    """One line of the table.

    Attributes:
      name: of the experiment, or of the commit that others started from.
      parameters: the whole of params.yaml.
      figures: of metrics/ensemble.json; empty where there are none.
      notes: what else is to be known, such as "queued" or "partial".
    """

    name: str
    parameters: Mapping[str, Any]
    figures: Mapping[str, float]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Group:
    """Experiments that started from the same commit."""

    start: Experiment
    experiments: Sequence[Experiment]


def table(groups: Sequence[Group], width: int) -> str:
    """Return the table, no line longer than `width` characters; the lowest loss of a commit first.

    Changed parameters stand as `dvc exp run -S` takes them.
    """
    lines = [_HEADER]
    for group in groups:
        lines += _lines(group.start, [], "", width)
        for one in sorted(group.experiments, key=lambda e: e.figures.get("log_loss", float("inf"))):
            changes = changed_parameters(group.start.parameters, one.parameters)
            lines += _lines(one, changes, "  ", width)
    return "\n".join(lines)


def changed_parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what turns one configuration into the other: `key=value`, `+key=value`, `~key`."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    changes = [f"~{key}" for key in old if key not in new]
    for key, value in new.items():
        if key not in old:
            changes.append(f"+{key}={_text(value)}")
        elif old[key] != value:
            changes.append(f"{key}={_text(value)}")
    return changes


def _leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _text(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lines(one: Experiment, changes: Sequence[str], indent: str, width: int) -> list[str]:
    figures = [_figure(one.figures.get(key)) for key in ("log_loss", "best_member")]
    name = f"{indent}{one.name}"[: _NAME - 1]
    start = f"{name:<{_NAME}}{''.join(figures)}  "
    told = " ".join([*(f"({note})" for note in one.notes), *changes])
    wrapped = textwrap.wrap(told, width, initial_indent=start, subsequent_indent=" " * len(start))
    return wrapped or [start.rstrip()]


def _figure(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.4f'):>{_FIGURE}}"
