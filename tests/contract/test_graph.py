"""Every stage declares to DVC exactly the code and the parameters that it uses."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import params
from pipeline.graph.closure import stage_code
from pipeline.graph.declaration import (
    bodies,
    declared_parameters,
    entry,
    is_code,
    read_parameters,
)
from tests.contract.project import ROOT, graph, python_files

STAGES = bodies(graph())
HEAVY = {"transformers", "datasets", "pandas", "pandera", "sklearn", "dvc", "torch"}


def test_the_design_s_stages_are_there():
    assert list(STAGES) == [
        "validate",
        "split",
        "backbone",
        "tokenize",
        "baseline",
        "member",
        "train",
        "predict",
        "evaluate",
        "ensemble",
    ]


@pytest.mark.parametrize("name", STAGES)
def test_declared_modules_are_the_import_closure(name: str):
    code, _ = stage_code(entry(STAGES[name]), ROOT)
    declared = [dep for dep in STAGES[name]["deps"] if is_code(dep)]
    assert declared == sorted(path.as_posix() for path in code), "make deps writes the lists"


@pytest.mark.parametrize("name", STAGES)
def test_declared_parameters_are_those_read(name: str):
    assert declared_parameters(STAGES[name]) == read_parameters(entry(STAGES[name]), ROOT)


def _loaded(stage: str) -> list[tuple[str, str | None]]:
    """Every module, with its file, that a process holds once all of a stage's code is imported."""
    code, encoders = stage_code(stage, ROOT)
    names = [path.with_suffix("").as_posix().replace("/", ".") for path in sorted(code | encoders)]
    program = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "found = [(n, getattr(m, '__file__', None)) for n, m in list(sys.modules.items())]\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [(name, file) for name, file in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.parametrize("name", STAGES)
def test_modules_that_get_loaded_are_declared(name: str):
    """The closure above is read off the text; this one off a running process."""
    stage = entry(STAGES[name])
    loaded = _loaded(stage)
    own = {Path(f).relative_to(ROOT) for n, f in loaded if f and n.split(".")[0] in _OWN}
    code, encoders = stage_code(stage, ROOT)
    assert {path for path in own if path.name != "__init__.py"} <= code | encoders
    if stage in ("train", "predict"):
        assert not HEAVY & {n.split(".")[0] for n, _ in loaded}, "start-up has to stay lean"


_OWN = {"pipeline", "stages", "commands"}


def test_every_parameter_is_read_somewhere():
    code = "\n".join(
        (ROOT / path).read_text(encoding="utf-8")
        for path in python_files("pipeline", "stages", "commands")
        if path != Path("pipeline/params.py")
    )
    sections = {f.name for f in dataclasses.fields(params.Parameters)}
    unread = [
        f"{kind.__name__}.{field.name}"
        for kind in vars(params).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
        if not re.search(rf"\.{field.name}\b", code)
        and not (field.name in sections and re.search(rf"read\(f?\"{field.name}\b", code))
    ]
    assert unread == []


def test_every_output_is_cached():
    """Uncached outputs would switch DVC's run cache off, and another machine would train again."""
    outputs = [
        out
        for body in STAGES.values()
        for kind in ("outs", "metrics", "plots")
        for out in body.get(kind, ())
    ]
    flags = {flag for out in outputs if isinstance(out, dict) for flag in next(iter(out.values()))}
    assert flags == {"template", "x", "y", "title"}


def test_metrics_are_few():
    """Fold figures as DVC metrics would make `dvc exp show` unreadable."""
    metrics = [path for body in STAGES.values() for path in body.get("metrics", ())]
    assert metrics == ["metrics/${key}.json", "metrics/ensemble.json"]
