"""A small project folder as the graph leaves it, for the commands that speak to Kaggle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import paths
from pipeline.graph.locked_outputs import md5
from pipeline.kaggle import ledger
from tests import configurations
from tests.competition.kaggle import SUBMISSION, TEXTS, write
from tests.kaggle.stand_in.world import Competition, World

COMPETITION = "feedback-prize-effectiveness"
ORDER = [row[0] for row in SUBMISSION[1:]]
SCRIPT = "print('predicting')\n"
FILES = {
    "params.yaml": b"folds: [0, 1]\n",
    "models/tiny/config.json": b"{}",
    "models/tiny/fold0/model.safetensors": bytes(range(256)) * 40,
    "wheels/effective_arguments.whl": b"a wheel",
}
OTHER = {"models/tiny/config.json": b'{"layers": 2}'}
"""Files of another model: what it predicts is something else."""
QUICK = ("--bundle", "bundle", "--poll", "0.005", "--lag", "0.05")
CSV = ("--csv", "--competition", "takes-files", "--poll", "0.005", "--lag", "0.05")


@dataclass
class Project:
    """The folder, where tests run, the stand-in's world, and what they do to both."""

    folder: Path
    world: World
    address: str
    monkeypatch: Any
    home: Path


def competition_files(folder: Path) -> dict[str, bytes]:
    """Kaggle's files by name."""
    write(folder)
    names = ["train.csv", "test.csv", "sample_submission.csv", *(f"{n}.txt" for n in TEXTS)]
    return {name: (folder / name).read_bytes() for name in names}


def make_world(folder: Path) -> World:
    world = World()
    files = competition_files(folder)
    world.competitions[COMPETITION] = Competition(files)
    world.competitions["takes-files"] = Competition(files, takes_files=True)
    return world


def manifest_text(files: Mapping[str, bytes] = FILES, **changes: Any) -> str:
    """A manifest that holds for these files, but for `changes`."""
    manifest = {
        "format": 2,
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "lock": "a" * 64,
        "parameters": "b" * 64,
        "recipe": "minilm-cpu",
        "log_loss": 0.6712,
        "tables": ["test.csv", "sample_submission.csv"],
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in files.items()
        },
        "total_bytes": sum(map(len, files.values())),
    }
    return json.dumps(manifest | changes)


def write_bundle(folder: Path, changed: Mapping[str, bytes] = FILES, **changes: Any) -> Path:
    """A bundle with some files `changed`, and a manifest that holds for it, but for `changes`."""
    files = {**FILES, **changed}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "manifest.json").write_text(manifest_text(files, **changes))
    return folder


def submission_text() -> str:
    rows = [",".join(SUBMISSION[0]), *(f"{one},0.2,0.5,0.3" for one in ORDER)]
    return "\n".join(rows) + "\n"


def write_results(folder: Path, partial: bool = False) -> None:
    """What the graph leaves and the commands read, in the current folder."""
    Path(".dvc").mkdir(exist_ok=True)
    Path("metrics").mkdir(exist_ok=True)
    figures = {"log_loss": 0.6712, "partial": partial}
    paths.metrics("ensemble").write_text(json.dumps(figures))
    order = paths.clean("test") / "order.parquet"
    order.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"discourse_id": ORDER}).to_parquet(order)
    paths.SUBMISSION.write_text(submission_text())
    configurations.write(configurations.SMALL)
    write_lock()
    write_bundle(folder / "bundle")
    (folder / "kernel.py").write_text(SCRIPT)


def write_lock() -> None:
    """dvc.lock as DVC leaves it, for what `--csv` sends and says."""
    outs = [
        {"path": path.as_posix(), "md5": md5(path)}
        for path in (paths.SUBMISSION, paths.metrics("ensemble"))
    ]
    lock = {"schema": "2.0", "stages": {"ensemble": {"outs": outs}}}
    Path("dvc.lock").write_text(json.dumps(lock))


def edit(project: Project) -> None:
    """Make the bundle again after a commit that changes no file of it."""
    write_bundle(project.folder / "bundle", commit="f" * 40, lock="c" * 64, recipe=None)


def ledger_lines() -> list[ledger.Line]:
    return ledger.read(paths.LEDGER)
