"""Take an edit to a stage's code that changes no result: `make accept STAGE=train`.

Golden tests decide first; README.md says when this is honest.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

import networkx as nx
from dvc.repo import Repo
from dvc.stage import PipelineStage

from pipeline.errors import UserError, exit_with_message
from pipeline.graph.acceptance import refuse_more_than_code
from pipeline.progress import say

DEAR = "train"  # never run on the way to another stage's acceptance


def main(argv: Sequence[str] | None = None) -> None:
    """Bring what stands before the stage up to date, run golden tests, commit its instances."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", help="a stage of dvc.yaml, or one instance such as train@tiny-0")
    wanted = parser.parse_args(argv).stage
    with Repo() as repo:
        instances, before = _instances(repo, wanted)
    if before:
        _run("dvc", "--wait-for-lock", "repro", "--quiet", "--single-item", *before)
    with Repo() as repo:
        stale = repo.status(instances)
    refuse_more_than_code(stale)
    if not stale:
        say(f"{wanted}: nothing to accept")
        return
    _run("pytest", "-m", "golden")
    for name in stale:
        _run("dvc", "--wait-for-lock", "commit", "--force", "--quiet", name)
    say(f"accepted without running: {', '.join(stale)}; dvc repro runs what is left")


def _instances(repo: Repo, wanted: str) -> tuple[list[str], list[str]]:
    """The stages that `wanted` names, and those before them in the order that they run.

    Raises:
      UserError: there is no such stage.
    """
    graph: nx.DiGraph = repo.index.graph
    named = [stage for stage in graph if wanted in (stage.name, stage.name.split("@")[0])]
    if not named:
        known = sorted({stage.name.split("@")[0] for stage in graph})
        raise UserError(f"no stage {wanted!r}: expected one of {', '.join(known)}")
    before: set[PipelineStage] = set().union(*(nx.descendants(graph, stage) for stage in named))
    order = nx.dfs_postorder_nodes(graph)  # DVC's edges point from a stage to what it needs
    names = [stage.name for stage in order if stage in before - set(named)]
    return [stage.name for stage in named], [n for n in names if n.split("@")[0] != DEAR]


def _run(module: str, *arguments: str) -> None:
    """Run a module of this environment.

    Raises:
      UserError: it fails; its own output says why.
    """
    if subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode:
        raise UserError(f"{module} {' '.join(arguments)} failed: nothing accepted")


if __name__ == "__main__":
    exit_with_message(main)
