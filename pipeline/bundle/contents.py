"""The paths inside a bundle. `kernel.py` has those of the manifest and the wheels."""

from pathlib import Path

from pipeline.encoders.weights.tensors import FILE
from pipeline.reserved import BASELINE
from pipeline.topics.table import CLUSTERING
from pipeline.units import Unit

PARAMETERS = "params.yaml"
BLEND = "ensemble.json"
TREES = "stacker.npz"
WORKLOAD = "workload.json"


def model(bundle: Path, name: str) -> Path:
    """A model's config and tokenizer, which all of its folds share."""
    return bundle / "models" / name


def fold(bundle: Path, name: str, unit: Unit) -> Path:
    """The folder of one fold's weights."""
    return model(bundle, name) / unit.name


def weights(bundle: Path, name: str, unit: Unit) -> Path:
    """One fold's weights."""
    return fold(bundle, name, unit) / FILE


def frozen(bundle: Path, name: str) -> Path:
    """The folder of a model's weights before training, which embeddings come from."""
    return model(bundle, name) / "frozen"


def embedding(bundle: Path, name: str, fold: int) -> Path:
    """One fold of a member of embeddings."""
    return bundle / "embeddings" / name / f"fold{fold}.npz"


def topics(bundle: Path, name: str) -> Path:
    """Fitted topics."""
    return bundle / "topics" / f"{name}{Path(CLUSTERING).suffix}"


def baseline(bundle: Path, fold: int) -> Path:
    """One fold of the baseline."""
    return bundle / BASELINE / f"fold{fold}.npz"
