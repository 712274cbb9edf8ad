"""One package knows the competition: nothing else spells what its schema says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.competition import schema
from pipeline.competition.address import COMPETITION
from pipeline.graph.closure import imported
from pipeline.inputs.markers import PARAGRAPH
from tests.contract.project import ROOT, python_files

SAYS = {Path("pipeline/competition/schema.py"), Path("pipeline/competition/address.py")}
MODULES = [p for p in python_files("pipeline", "stages", "commands") if p not in SAYS]
TOLD = ("inputs", "encoders", "backbones", "inference", "training")
"""Packages that are told of the task, and import nothing of the competition."""

NAMES = {*schema.LABELS, *schema.TYPES}
OWN = {"Counterclaim", "Rebuttal", "Concluding Statement"}
ENGLISH = NAMES - OWN
"""Words that prose needs too: they count only where they are a whole string."""

WORDS = {
    *OWN,
    *map(str.lower, OWN),
    *schema.MARKERS.values(),
    *schema.TRAIN_COLUMNS,
    schema.TYPE_NUMBER,
    *schema.TABLES.values(),
    schema.SAMPLE_SUBMISSION,
    Path(schema.SAMPLE_SUBMISSION).stem,
    COMPETITION,
    "discourse",
}
SPELLED = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(WORDS)))


def spelled(source: str) -> Iterator[str]:
    """Every value in code, strings, docstrings and comments."""
    yield from SPELLED.findall(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in ENGLISH:
            yield str(node.value)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_the_schema_spells_its_values(path: Path):
    assert list(spelled((ROOT / path).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('x = "Lead"', ["Lead"]),
        ("discourse_id = 1", ["discourse_id"]),
        ('f"{x}: no discourse_id"', ["discourse_id"]),
        ("# Reads test.csv.", ["test.csv"]),
        ('"""A counterclaim."""', ["counterclaim"]),
        ('"""Lead the way; evidence is adequate."""\nessay_ids = my_test.csv', []),
    ],
)
def test_values_are_seen_wherever_they_stand(source: str, found: list[str]):
    assert list(spelled(source)) == found


@pytest.mark.parametrize("package", TOLD)
def test_what_is_told_of_the_task_imports_no_competition(package: str):
    for path in python_files(f"pipeline/{package}"):
        of = [p for p in imported(path, ROOT) if p.parts[:2] == ("pipeline", "competition")]
        assert of == [], path


def test_every_marker_is_a_token_of_its_own():
    every = [*schema.MARKERS.values(), PARAGRAPH]
    assert len(set(every)) == len(every)
