"""The origin of a run's numbers: code, parameters, versions, devices."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import params, paths
from pipeline.configuration import Configuration
from pipeline.files import read_json
from pipeline.recipes import DEFAULT, FOLDER, Composition, compose, differences

_LIBRARIES = ("jax", "flax", "optax", "numpy", "scikit-learn", "transformers", "tokenizers", "dvc")
# Of a session, not of a run: no result depends on them.
_SESSION = ("session.", "compute.devices:")


@dataclass(frozen=True)
class Origin:
    """All that a run was made from.

    Attributes:
      parameters: SHA-256 of the configuration, the session's options aside.
      code: by stage and network, the SHA-256 of the code that the graph has recorded.
      changes: a line for each option that differs from the default recipe.
      versions: by library, of the environment in which the page was made.
    """

    parameters: str
    code: Mapping[str, str]
    changes: Sequence[str]
    versions: Mapping[str, str]


def origin(configuration: Configuration) -> Origin:
    """Tell what a run was made from."""
    text = json.dumps(_parameters(configuration), default=dataclasses.asdict, sort_keys=True)
    made = Composition(configuration.path, "", configuration, {})
    changed = differences(made, compose(FOLDER / f"{DEFAULT}.yaml"))
    return Origin(
        parameters=hashlib.sha256(text.encode()).hexdigest(),
        code=dict(_code()),
        changes=[line for line in changed if not line.startswith(_SESSION)],
        versions={"Python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _LIBRARIES},
    )


def _parameters(configuration: Configuration) -> dict[str, Any]:
    """Read all that a result depends on: the number of devices is none of it."""
    compute = configuration.read("compute", params.Compute)
    return {
        "baseline": configuration.read("baseline", params.Baseline),
        "clean": configuration.read("clean", params.Clean),
        "compute": (compute.dtype, compute.platform),
        "data": configuration.read("data", params.Data),
        "ensemble": configuration.read("ensemble", params.Ensemble),
        "folds": configuration.read("folds", list),
        "full": configuration.read("full", list),
        "labels": configuration.read("labels", params.Labels),
        "members": configuration.read("members", dict),
        "models": configuration.read("models", dict),
        "pretrain": configuration.read("pretrain", dict),
        "pseudo": configuration.read("pseudo", dict),
        "unlabelled": configuration.read("unlabelled", dict),
        "embeddings": configuration.read("embeddings", dict),
        "seeds": configuration.read("seeds", list),
        "split": configuration.read("split", params.Split),
        "topics": configuration.read("topics", dict),
    }


def _code() -> Sequence[tuple[str, Any]]:
    records = [read_json(path) for path in sorted(paths.CODE.rglob("*.json"))]
    return [(record["code"], record["sha256"]) for record in records]
