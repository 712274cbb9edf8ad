"""Every path of the graph, relative to the root of the project, where every command runs."""

import os
import re
from pathlib import Path
from typing import Literal

from pipeline.errors import UserError
from pipeline.home import expanded
from pipeline.units import Unit

_MOUNT = {"gs": "gcsfuse --implicit-dirs", "s3": "mount-s3"}  # by the scheme of an address

SPLITS = ("train", "test")

RAW = Path("data/raw")  # Kaggle's files, where `make data` puts them
CODE = Path("data/code")
CLEAN = Path("data/clean")
CLEAN_REPORT = CLEAN / "report.json"
FOLDS = Path("data/folds.parquet")
PRETRAINED = Path("data/pretrained")
OOF = Path("artifacts/oof")
TEST = Path("artifacts/test")
BASELINE = Path("artifacts/baseline")
ENSEMBLE = Path("artifacts/ensemble")
SUBMISSION = Path("submission.csv")
METRICS = Path("metrics")
PLOTS = Path("plots")
WRITTEN_PARAMETERS = Path(".cache/params.yaml")  # what `make recipe` wrote last
DOWNLOADS = Path(".cache/kaggle")  # archives that are not whole yet
SUBMIT = Path("artifacts/submit")  # what was sent to Kaggle, and how far a submission got
KAGGLE_TRAINING = Path(".cache/kaggle-training")  # packs, what kernels left, how far they got
LOGS = Path(".logs")  # for other tools; no stage reads them
LEDGER = Path("submissions.jsonl")  # kept in git


def code(name: str) -> Path:
    """The record of the code of a stage, or of a network as `networks/bert`."""
    return CODE / f"{name}.json"


def clean(split: str) -> Path:
    """Elements and essays of `train` or `test` as Parquet."""
    return CLEAN / split


def topics(name: str) -> Path:
    """Fitted topics, and every essay's own."""
    # Below CLEAN, on which `tokenize` depends as a whole: DVC has no dependency that may be absent.
    return CLEAN / "topics" / name


def backbone(model: str) -> Path:
    """A model's config, tokenizer, weights and their origin."""
    return Path("data/backbones") / model


def pretrained(name: str) -> Path:
    """A backbone after masked-language-model training, which may be another model's source."""
    return PRETRAINED / name


def pretraining(name: str) -> Path:
    """The curves of masked-language-model training."""
    return Path("artifacts/pretrained") / name


def pretraining_time(name: str) -> Path:
    """Wall-clock figures of masked-language-model training; nothing depends on it."""
    return Path("artifacts/timing/pretrained") / f"{name}.json"


def network(model: str) -> Path:
    """The record of the network's code that a model's backbone was made with."""
    return backbone(model) / "encoder.json"


def tokens(model: str, split: str) -> Path:
    """Token arrays of `train` or `test`, memory-mapped Arrow."""
    return Path("data/tokens") / model / split


def soft_labels(model: str) -> Path:
    """Soft labels that a model is trained on, and the token windows of their essays."""
    # Beside the training windows, on whose folder `train` depends as a whole: DVC has no dependency
    # that may be absent.
    return tokens(model, "train") / "soft"


def unlabelled(model: str, reader: Literal["student", "teacher"] | None = None) -> Path:
    """Token windows of a folder's essays, for a model that learns from them and for its teacher."""
    folder = tokens(model, "unlabelled")
    return folder if reader is None else folder / reader


def weights(model: str, unit: Unit | None = None) -> Path:
    """One fold's Hugging Face folder, or the folder of all folds."""
    folder = Path("artifacts/weights") / model
    return folder if unit is None else folder / unit.name


def fold(model: str, unit: Unit | None = None) -> Path:
    """One fold's predictions, history and metrics, or the folder of all folds."""
    folder = Path("artifacts/folds") / model
    return folder if unit is None else folder / unit.name


def timing(model: str, unit: Unit) -> Path:
    """Wall-clock figures and the hardware of one fold; nothing depends on it."""
    return Path("artifacts/timing") / model / f"{unit.name}.json"


def log(tool: str, model: str, unit: Unit) -> Path:
    """What another tool keeps of one fold."""
    return LOGS / tool / model / unit.name


def oof(member: str) -> Path:
    """A member's out-of-fold predictions."""
    return OOF / f"{member}.parquet"


def test(member: str) -> Path:
    """A member's test predictions."""
    return TEST / f"{member}.parquet"


def evaluation(model: str) -> Path:
    """A model's detailed evaluation: figures per fold and per type."""
    return Path("artifacts/evaluation") / f"{model}.json"


def embeddings(member: str) -> Path:
    """The fitted folds of a member of a frozen encoder's embeddings."""
    return Path("artifacts/embeddings") / member


def metrics(member: str) -> Path:
    """The few figures that DVC shows."""
    return METRICS / f"{member}.json"


def plots(model: str) -> Path:
    """A model's plot data: learning curves, confusion, calibration."""
    return PLOTS / model


def bundle() -> Path:
    """The bundle that becomes a dataset on Kaggle; a command makes it, no stage."""
    return Path("artifacts/bundle")


def checkpoints() -> Path:
    """The root of checkpoints, outside DVC's outputs: a mounted drive or bucket may hold it.

    Raises:
      UserError: CHECKPOINT_ROOT is an address.
    """
    return _named_by("CHECKPOINT_ROOT", ".checkpoints")


def compile_cache() -> Path:
    """JAX's persistent compile cache.

    Raises:
      UserError: JAX_COMPILATION_CACHE_DIR is an address.
    """
    return _named_by("JAX_COMPILATION_CACHE_DIR", ".cache/jax")


def _named_by(variable: str, default: str) -> Path:
    """Read a folder off an environment variable; the default stands in for an empty one."""
    folder = os.environ.get(variable) or default
    address = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):/+([^/]*)", folder)
    if address is None:
        return expanded(folder)
    scheme, bucket = address[1].lower(), address[2]
    command = _MOUNT.get(scheme)
    example = f", such as by `{command} {bucket} /mnt/{bucket}`," if command else ""
    raise UserError(
        f"{variable}: expected a folder, found the address {folder!r}; "
        f"mount it{example} and give the folder where it is mounted"
    )
