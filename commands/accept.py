"""Take an edit to a stage's code that changes no result: `make accept STAGE=train`.

Golden tests decide first; docs/operating.md says when this is honest.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

import networkx as nx
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage

from pipeline.errors import UserError, exit_with_message
from pipeline.graph.acceptance import refuse_more_than_code
from pipeline.graph.repository import opened
from pipeline.progress import say

# Never run on the way to another stage's acceptance.
DEAR = "train"
# Stages that run another one's module, and so are accepted with it.
_OF = {"reseed": DEAR, "fit": DEAR, "refit": DEAR}


def main(argv: Sequence[str] | None = None) -> None:
    """Bring what stands before the stage up to date, run golden tests, commit its instances."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", help="a stage of dvc.yaml, or one instance such as train@tiny-0")
    wanted = parser.parse_args(argv).stage
    with opened() as repo:
        instances, before = _instances(repo, wanted)
    if before:
        _run("dvc", "--wait-for-lock", "repro", "--quiet", "--single-item", *before)
    with opened() as repo:
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
    # DVC's edges point from a stage to what it needs. A .dvc file is a node too, without a name.
    order = nx.dfs_postorder_nodes(graph)
    names = {s: str(s.addressing) for s in order if isinstance(s, PipelineStage)}
    named = [s for s, name in names.items() if wanted in (name, _declared(name), _module(name))]
    if not named:
        known = sorted(set(map(_declared, names.values())))
        raise UserError(f"no stage {wanted!r}: expected one of {', '.join(known)}")
    before: set[Stage] = set().union(*(nx.descendants(graph, stage) for stage in named))
    cheap = [name for s, name in names.items() if s in before - set(named)]
    return [names[stage] for stage in named], [name for name in cheap if _module(name) != DEAR]


def _declared(name: str) -> str:
    """Return a stage's name in dvc.yaml, without an instance's part."""
    return name.split("@")[0]


def _module(name: str) -> str:
    """Return the name in dvc.yaml of the stage whose module a stage runs."""
    return _OF.get(_declared(name), _declared(name))


def _run(module: str, *arguments: str) -> None:
    """Run a module of this environment.

    Raises:
      UserError: it fails; its own output says why.
    """
    if subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode:
        raise UserError(f"{module} {' '.join(arguments)} failed: nothing accepted")


if __name__ == "__main__":
    exit_with_message(main)
