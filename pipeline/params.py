"""`params.yaml` as frozen dataclasses: the only place that knows the knobs and their types."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import UserError
from pipeline.mistakes import explain, nearest

_CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(kind: type[T]) -> type[T]:
    """Make a frozen dataclass of a section of params.yaml; it refuses unknown and mistyped keys."""
    return cast(type[T], dataclass(frozen=True, config=_CONFIG, kw_only=True)(kind))


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


@frozen
class Data:
    """The competition's files: a folder in Kaggle's layout, relative or absolute."""

    source: str


@frozen
class Clean:
    """Text cleaning: C1 control characters back to what cp1252 meant; no-break to plain spaces."""

    repair_cp1252: bool
    plain_spaces: bool


@frozen
class Split:
    """Essays to folds, stratified by label and type, grouped by essay."""

    n_folds: Annotated[int, Field(ge=2, le=100)]
    seed: Seed


@frozen
class Compute:
    """The machine that trains: a missing platform is an error; `devices: auto` takes all."""

    platform: Literal["cpu", "gpu", "tpu"]
    devices: Literal["auto"] | Count
    dtype: Literal["float32", "bfloat16"]


@frozen
class Session:
    """Limits of a session, in minutes. They change no result, so no stage declares them to DVC."""

    checkpoint_minutes: Positive
    stop_after_minutes: Positive | None


@frozen
class Labels:
    """The classes to train on: those of the elements in a folder, `from`, by discourse_id.

    Held-out essays are scored against data/clean/train whatever it is.
    """

    source: Annotated[str, Field(alias="from")]


@frozen
class Baseline:
    """The scikit-learn member: type, lengths and TF-IDF into a logistic regression."""

    max_features: Count
    ngrams: Count
    min_documents: Count
    C: Positive


@frozen
class Backbone:
    """The encoder's source: a Hub id with a revision, a folder with a sha256, or `builtin:`.

    `seed` draws what the source does not bring: the marker rows, builtin weights. `needs` is what
    has to be there first: a builtin learns its vocabulary from the essays in `train` below it.
    """

    source: str
    revision: str | None
    sha256: str | None
    seed: Seed
    needs: str


@frozen
class Inputs:
    """The encoder's inputs: whole essays or single elements, in windows of `window` tokens.

    A further window starts with `overlap` tokens of the text before it, which bear no loss.
    """

    context: Literal["essay", "element"]
    window: Annotated[int, Field(ge=8)]
    overlap: Annotated[int, Field(ge=0)]


@frozen
class Rows:
    """Packed rows of one fixed shape.

    `per_step` rows are global (over devices and accumulation); `slots` caps the elements in a
    row; windows are packed within seeded pools of `pool` windows.
    """

    per_step: Count
    length: Annotated[int, Field(ge=8)]
    slots: Count
    pool: Count


@frozen
class Predict(Rows):
    """Rows of prediction, and the dtype of its activations.

    Prediction runs on what is there: `per_step` is rounded up to a multiple of the devices, and
    bfloat16 is float32 where the hardware does not compute it.
    """

    dtype: Literal["float32", "bfloat16"] = "float32"


@frozen
class Optimizer:
    """AdamW with decoupled decay, linear warm-up over a share of the steps, then the schedule."""

    backbone_rate: NonNegative
    head_rate: NonNegative
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)]
    weight_decay: NonNegative
    b1: Rate
    b2: Rate
    eps: Positive
    clip: Positive
    warmup: Share
    schedule: Literal["linear", "cosine"]


@frozen
class Dropout:
    """Rates in training; null takes the checkpoint's own."""

    hidden: Rate | None
    attention: Rate | None
    head: Rate | None


@frozen
class Train:
    """One fold's training."""

    seed: Seed
    epochs: Count
    accumulation: Count
    evaluations: Count  # per epoch
    rows: Rows
    optimizer: Optimizer
    dropout: Dropout
    label_smoothing: Rate
    remat: Literal["none", "selective", "full"]
    attention: Literal["auto", "xla", "blocked", "fused", "cudnn"]
    select: Literal["last", "best"]


@frozen
class Model:
    """One model; `encoder` names the architecture's file in pipeline/encoders."""

    encoder: Name
    backbone: Backbone
    inputs: Inputs
    train: Train
    predict: Predict


@frozen
class Member:
    """Someone else's model: out-of-fold and test probabilities as CSV files, by element."""

    oof: str
    test: str


@frozen
class Ensemble:
    """The pool of the members; everything fitted is refitted inside `nested_folds` by essay."""

    pool: Literal["simplex", "loglinear"]
    ridge: NonNegative
    nested_folds: Annotated[int, Field(ge=2)]
    seed: Seed


@frozen
class Parameters:
    """The whole configuration."""

    data: Data
    clean: Clean
    split: Split
    folds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    compute: Compute
    session: Session
    labels: Labels
    baseline: Baseline
    models: dict[Name, Model]
    members: dict[Name, Member]
    ensemble: Ensemble


class ConfigurationError(UserError):
    """A configuration with mistakes; its text is the first of them, `lines` has all."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines[0])
        self.lines = tuple(lines)


class Configuration:
    """A validated configuration of parameters that is read section by section."""

    def __init__(self, parameters: Parameters, path: Path) -> None:
        self._parameters = parameters
        self.path = path

    def read(self, key: str, kind: type[T]) -> T:
        """Return the section at a dotted `key`, which a stage has to declare to DVC.

        Raises:
          UserError: there is no such section.
        """
        value: Any = self._parameters
        for part in key.split("."):
            mapping = value if isinstance(value, dict) else vars(value)
            if part not in mapping:
                raise UserError(f"{self.path}: no {key!r}{nearest(part, mapping)}")
            value = mapping[part]
        if not isinstance(value, kind):
            raise TypeError(f"{key} is a {type(value).__name__}, not a {kind.__name__}")
        return value

    def named(self, section: Literal["models", "members"], name: str) -> str:
        """Return `name`, which from here on may stand in a path.

        Raises:
          UserError: it is no key of the section.
        """
        there = getattr(self._parameters, section)
        if name not in there:
            raise UserError(f"{self.path}: {section}: no {name!r}{nearest(name, there)}")
        return name

    def without(self, sections: Collection[str]) -> dict[str, Any]:
        """Return all sections but some, for comparison with another configuration."""
        return {k: v for k, v in vars(self._parameters).items() if k not in sections}


def load(path: Path = Path("params.yaml")) -> Configuration:
    """Read and check a whole configuration.

    Raises:
      UserError: the file is missing or no YAML, or keys are at fault, as in `check`.
    """
    try:
        # YAML 1.2: a loader of YAML 1.1 takes 9e-5, as `dvc exp run -S` writes it, for text.
        tree = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run from the root of the project") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return Configuration(check(tree, path), path)


def check(tree: object, path: Path) -> Parameters:
    """Turn a parsed YAML tree into `Parameters`; `path` is for messages.

    Raises:
      ConfigurationError: one line for each key that is unknown, missing, mistyped or out of range,
        or else for what does not hold between keys.
    """
    if isinstance(tree, dict):  # keys that start with x- hold YAML anchors
        tree = {key: value for key, value in tree.items() if not str(key).startswith("x-")}
    try:
        parameters = TypeAdapter(Parameters).validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise ConfigurationError(
            [f"{path}: {line}" for line in explain(error, Parameters)]
        ) from None
    wrong = [f"{path}: {line}" for line in _contradictions(parameters)]
    if wrong:
        raise ConfigurationError(wrong)
    return parameters


def _contradictions(parameters: Parameters) -> Iterator[str]:
    """Find contradictions between values that are right one by one."""
    outside = [fold for fold in parameters.folds if fold >= parameters.split.n_folds]
    if outside or len(set(parameters.folds)) < len(parameters.folds):
        yield (
            "folds: expected different numbers below split.n_folds "
            f"({parameters.split.n_folds}), found {parameters.folds}"
        )
    taken = {"baseline", "ensemble"}.union(parameters.members) & set(parameters.models)
    taken |= {"baseline", "ensemble"} & set(parameters.members)
    for name in sorted(taken):
        yield f"{name!r} names two members; rename one"
