"""Show DVC's experiments of all commits, as wide as the terminal: `make experiments`.

`dvc exp show` has a column for every parameter that ever differed, which no terminal holds once
there is a history. Here each experiment is told by what it changed of the commit that it started
from.
"""

import shutil
from collections.abc import Iterator
from typing import Any

from dvc.repo import Repo
from dvc.repo.experiments.utils import exp_refs
from dvc.scm import Git

from pipeline import paths
from pipeline.errors import UserError, exit_with_message
from pipeline.graph.experiment_table import Experiment, Group, table
from pipeline.graph.repository import opened
from pipeline.progress import say

_WIDTH = 100  # where there is no terminal


def main() -> None:
    """Print the table, the newest commit first.

    Raises:
      UserError: there is no git, or no commit.
    """
    with opened() as repo:
        if not isinstance(repo.scm, Git):
            raise UserError("experiments stand in git, and there is none here")
        starts = _starts(repo, repo.scm)
        states = [state.dumpd() for state in repo.experiments.show(revs=starts)]
    if not states:
        raise UserError("experiments start from a commit, and there is none yet")
    say(table(list(_groups(states)), shutil.get_terminal_size((_WIDTH, 24)).columns))


def _starts(repo: Repo, git: Git) -> list[str]:
    """Return the present commit, and those that experiments started from."""
    waiting = repo.experiments.celery_queue.iter_queued()
    found = {ref.baseline_sha for ref in exp_refs(git)}
    return ["HEAD", *sorted(found | {entry.baseline_rev for entry in waiting})]


def _groups(states: list[dict[str, Any]]) -> Iterator[Group]:
    """Arrange what DVC found; what is not committed counts as an experiment on the present one."""
    workspace, head, *others = states
    own = _experiment(workspace | {"name": "(not committed)"})
    started = [*_experiments(head), own]
    same = _experiment(head)
    if (own.parameters, own.figures) == (same.parameters, same.figures):
        started.pop()
    yield Group(same, started)
    for state in sorted(others, key=_committed, reverse=True):
        yield Group(_experiment(state), list(_experiments(state)))


def _committed(state: dict[str, Any]) -> str:
    """Return the time of a commit; nothing where DVC could not read it."""
    return str((state["data"] or {}).get("timestamp") or "")


def _experiments(state: dict[str, Any]) -> Iterator[Experiment]:
    for found in state["experiments"] or ():
        executor = found["executor"] or {}
        yield _experiment(found["revs"][0], executor.get("state", "success"))


def _experiment(state: dict[str, Any], doing: str = "success") -> Experiment:
    data = state["data"] or {}
    figures = _content(data, "metrics", paths.metrics("ensemble").as_posix())
    notes = [doing] * (doing != "success") + ["partial"] * bool(figures.get("partial"))
    return Experiment(
        name=state["name"] or state["rev"][:7],
        parameters=_content(data, "params", "params.yaml"),
        figures=figures,
        notes=notes,
    )


def _content(data: dict[str, Any], kind: str, path: str) -> dict[str, Any]:
    """Return the content of a file; nothing where the commit lacks it."""
    found = data.get(kind, {}).get(path, {}).get("data", {})
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    exit_with_message(main)
