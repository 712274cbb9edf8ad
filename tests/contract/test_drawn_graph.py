"""The README's drawing of the graph is dvc.yaml's: its stages, and what each reads of which."""

import fnmatch
import re
from collections.abc import Iterator
from typing import Any

from tests.contract.project import ROOT, graph

README = (ROOT / "README.md").read_text(encoding="utf-8")
# Every stage depends on it; the README says so.
EVERYWHERE = "code"
OFF = "are off until `params.yaml` names them"


def _drawing() -> tuple[dict[str, list[str]], dict[tuple[str, str], bool]]:
    """The drawing's nodes, each with the stages that share it; its arrows, and which are solid."""
    text = re.findall(r"```mermaid\n(.*?)```", README, re.S)[0]
    shared = {node: label.split(" · ") for node, label in re.findall(r'(\w+)\["([^"]+)"\]', text)}
    lines = re.sub(r'\["[^"]+"\]|\|[^|]+\|', "", text).splitlines()[1:]
    edges = [re.split(r"\s*-\.?-?>\s*", line.strip()) for line in lines]
    assert all(len(edge) == 2 for edge in edges), edges
    nodes = dict.fromkeys(node for edge in edges for node in edge)
    solid = ["-.-" not in line and "-.->" not in line for line in lines]
    arrows = {(a, b): whole for (a, b), whole in zip(edges, solid, strict=True)}
    return {node: shared.get(node, [node]) for node in nodes}, arrows


def _paths(stage: dict[str, Any], *kinds: str) -> Iterator[str]:
    """Paths of a stage's entry, with a star for every parameter in them."""
    for kind in kinds:
        for entry in stage.get("do", stage).get(kind, []):
            path = entry if isinstance(entry, str) else next(iter(entry))
            yield re.sub(r"\$\{[^}]*\}", "*", path)


def _meet(out: str, dep: str) -> bool:
    """Whether one of two paths may be the other, or lie in it."""
    pairs = list(zip(out.split("/"), dep.split("/"), strict=False))
    return all(fnmatch.fnmatch(a, b) or fnmatch.fnmatch(b, a) for a, b in pairs)


def _edges(*, certain: bool) -> set[tuple[str, str]]:
    """Which stage reads from which; `certain` leaves out what parameters alone decide."""
    stages = graph()["stages"]
    found = set()
    for reader, entry in stages.items():
        deps = [dep for dep in _paths(entry, "deps") if not (certain and dep.startswith("*"))]
        for maker, other in stages.items():
            outs = list(_paths(other, "outs", "metrics", "plots"))
            if maker != reader and any(_meet(out, dep) for out in outs for dep in deps):
                found.add((maker, reader))
    return {edge for edge in found if EVERYWHERE not in edge}


def test_every_stage_is_drawn_once():
    nodes, _ = _drawing()
    drawn = [stage for stages in nodes.values() for stage in stages]
    assert sorted([*drawn, EVERYWHERE]) == sorted(graph()["stages"])
    assert f"also depends on `{EVERYWHERE}`" in README


def test_every_arrow_is_one_of_the_graph():
    """A dashed one may be up to parameters."""
    nodes, arrows = _drawing()
    for (a, b), solid in arrows.items():
        real = _edges(certain=solid)
        assert any((one, other) in real for one in nodes[a] for other in nodes[b]), (a, b)


def test_every_dependency_is_an_arrow_or_a_way_of_solid_ones():
    nodes, arrows = _drawing()
    place = {stage: node for node, stages in nodes.items() for stage in stages}
    after: dict[str, set[str]] = {}
    for (a, b), solid in arrows.items():
        if solid:
            after.setdefault(a, set()).add(b)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for node in after.get(todo.pop(), ()):
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
        return seen

    missing = {
        (a, b)
        for a, b in _edges(certain=True)
        if place[a] != place[b]
        and (place[a], place[b]) not in arrows
        and place[b] not in reached(place[a])
    }
    assert missing == set()


def test_what_is_off_by_default_is_told():
    """A foreach or matrix over what the default configuration leaves empty."""
    told = re.search(r"([^.]*)" + re.escape(OFF), README)
    assert told is not None
    named = re.findall(r"`(\w+)`", told[1])
    empty = ("topics", "pretrain", "unlabelled", "members", "embeddings", "seeds", "full", "pseudo")
    over = {
        name: str(entry.get("foreach", entry.get("matrix", "")))
        for name, entry in graph()["stages"].items()
    }
    off = [
        name
        for name, text in over.items()
        if any(re.search(rf"\${{{key}[.}}]", text) for key in empty)
    ]
    assert sorted(named) == sorted(off)
