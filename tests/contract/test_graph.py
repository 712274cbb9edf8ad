"""Every stage declares to DVC exactly the code and the parameters that it uses."""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline import embedding_params, params, paths
from pipeline.graph.closure import DECLARATIONS, HASHING, REGISTRY, closure, networks, reach, stages
from pipeline.graph.declaration import bodies, declared_parameters, entry, read_parameters
from pipeline.inputs.tokens import FILES
from tests.contract.project import ROOT, graph, python_files

STAGES = bodies(graph())
HEAVY = {"transformers", "datasets", "pandas", "pandera", "sklearn", "dvc", "torch"}


def test_the_design_s_stages_are_there():
    assert list(STAGES) == [
        "code",
        "validate",
        "split",
        "topics",
        "backbone",
        "pretrain",
        "tokenize",
        "unlabelled",
        "baseline",
        "member",
        "embed",
        "train",
        "reseed",
        "fit",
        "refit",
        "predict",
        "pseudo",
        "teach",
        "evaluate",
        "ensemble",
        "report",
    ]


def test_what_refuses_its_input_in_minutes_comes_before_training():
    """DVC runs stages in their order here as far as their dependencies let it."""
    order = list(STAGES)
    assert {"unlabelled", "baseline", "member", "embed"} <= set(order[: order.index("train")])


def test_the_submission_is_a_file_of_its_own():
    """Not cached, so no link; persistent, so that no run cache brings one of former days back."""
    outs = graph()["stages"]["ensemble"]["outs"]
    assert {"submission.csv": {"cache": False, "persist": True}} in outs


def test_every_stage_is_hashed_but_the_one_that_hashes():
    assert set(map(entry, STAGES.values())) == {HASHING, *stages(ROOT)}


@pytest.mark.parametrize("name", [name for name in STAGES if name != HASHING])
def test_a_stage_depends_on_its_own_code_and_on_its_model_s_network(name: str):
    """Else an edit would leave it as it is, or one to another network would make it stale."""
    body, stage = STAGES[name], entry(STAGES[name])
    # The report shows every hash, and so depends on all of them.
    expected = {(paths.CODE if stage == "report" else paths.code(stage)).as_posix()}
    if REGISTRY in closure(Path(f"stages/{stage}.py"), ROOT):
        key = re.search(r"models\.(\$\{[\w.]+\})\.encoder", " ".join(body["params"]))
        assert key
        made = "data/code/networks/${item.encoder}.json"
        kept = paths.network(key[1]).as_posix()
        expected.add(made if name == "backbone" else kept)
    found = {dep for dep in body["deps"] if dep.endswith("encoder.json") or "code" in dep}
    assert found == expected


def test_training_windows_are_outputs_one_by_one():
    """So soft labels may stand beside them, and `train` depends on the folder of both."""
    folder = paths.tokens("${key}", "train")
    outs = STAGES["tokenize"]["outs"]
    assert outs == [*(f"{folder}/{name}" for name in FILES), f"{paths.tokens('${key}', 'test')}"]
    for stage in ("pseudo", "teach"):
        assert STAGES[stage]["outs"] == [f"{paths.soft_labels('${key}')}"]
    assert f"{paths.tokens('${item.model}', 'train')}" in STAGES["train"]["deps"]


def test_a_new_test_set_reaches_no_soft_labels_of_a_folder():
    """What predicts has other last digits on another machine; a model would be trained anew."""
    deps = STAGES["teach"]["deps"]
    assert f"{paths.clean('train')}" in deps
    assert not [dep for dep in deps if "test" in Path(dep).parts or dep == f"{paths.CLEAN}"]


def test_what_only_talks_to_kaggle_belongs_to_no_stage():
    used = {path.parts[:2] for stage in stages(ROOT) for path in reach(stage, ROOT)}
    elsewhere = {("pipeline", name) for name in ("kaggle", "bundle", "doctor")}
    assert not used & elsewhere
    assert not any(parts[0] == "commands" for parts in used)


@pytest.mark.parametrize("name", networks(ROOT))
def test_a_network_imports_no_other(name: str):
    """What two share is a module of its own, else an edit to one would reach the other's models."""
    files = networks(ROOT)
    assert closure(files[name], ROOT) & {*files.values()} == {files[name]}


@pytest.mark.parametrize("name", STAGES)
def test_declared_parameters_are_those_read(name: str):
    assert declared_parameters(STAGES[name]) == read_parameters(entry(STAGES[name]), ROOT)


def _loaded(stage: str) -> list[tuple[str, str | None]]:
    """Every module, with its file, that a process holds once all of a stage's code is imported."""
    code = sorted(reach(stage, ROOT))
    names = [path.with_suffix("").as_posix().replace("/", ".") for path in code]
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
def test_modules_that_get_loaded_are_hashed(name: str):
    """The closure is read off the text; this one off a running process."""
    stage = entry(STAGES[name])
    loaded = _loaded(stage)
    own = {Path(f).relative_to(ROOT) for n, f in loaded if f and n.split(".")[0] in _OWN}
    assert {path for path in own if path.name != "__init__.py"} <= reach(stage, ROOT)
    if stage in ("train", "pretrain", "predict"):
        assert not HEAVY & {n.split(".")[0] for n, _ in loaded}, "start-up has to stay lean"


_OWN = {"pipeline", "stages", "commands"}


def test_every_parameter_is_read_somewhere():
    code = "\n".join(
        (ROOT / path).read_text(encoding="utf-8")
        for path in python_files("pipeline", "stages", "commands")
        if path not in DECLARATIONS
    )
    sections = {f.name for f in dataclasses.fields(params.Parameters)}
    unread = [
        f"{kind.__name__}.{field.name}"
        for kind in {**vars(embedding_params), **vars(params)}.values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
        if not re.search(rf"\.{field.name}\b", code)
        and not (field.name in sections and re.search(rf"read\(f?\"{field.name}\b", code))
    ]
    assert unread == []


def test_outputs_are_cached_but_for_what_stands_in_git_and_the_submission():
    """An uncached output isn't pushed: of what trains, each machine would train again."""
    assert [flags for flags in _flags("outs") if flags] == [{"cache": False, "persist": True}]
    for kind in ("metrics", "plots"):
        assert {flags.get("cache", True) for flags in _flags(kind, but="pretrain")} == {False}
    curves = [flags for out in STAGES["pretrain"]["plots"] for flags in out.values()]
    assert {flags.get("cache", True) for flags in curves} == {True}


def _flags(kind: str, but: str = "") -> list[Mapping[str, Any]]:
    """What is said of each output of a kind; nothing of a bare path."""
    outputs = [out for name, body in STAGES.items() if name != but for out in body.get(kind, ())]
    return [{} if isinstance(out, str) else next(iter(out.values())) for out in outputs]


def test_what_stands_in_git_is_not_ignored():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert not {"/metrics", "/plots", "metrics/", "plots/"} & set(ignored)


def test_metrics_are_few():
    """Fold figures as DVC metrics would make `dvc exp show` unreadable."""
    metrics = [path for body in STAGES.values() for out in body.get("metrics", ()) for path in out]
    assert metrics == ["metrics/${key}.json", "metrics/ensemble.json"]
