"""Projects of their own around an encoder of a given shape with random weights: no download."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flax.traverse_util import unflatten_dict
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.competition.schema import LABELS
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build, name_classes
from pipeline.encoders.weights.folders import draw_all, export, parameter_shapes, table
from pipeline.encoders.weights.tensors import FILE, write_tensors
from pipeline.errors import UserError
from pipeline.files import read_json, write_json
from tpu_check.configs import CONFIGS

_BASE = CONFIGS["microsoft/deberta-v3-base"]
_TINY = {
    "vocab_size": 31000,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "position_buckets": 32,
}
SHAPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "deberta_v3_base": _BASE,
        "deberta_v3_large": CONFIGS["microsoft/deberta-v3-large"],
        "deberta_tiny": {**_BASE, **_TINY},
    }
)
"""config.json of each; the last is for trying a bench out."""


def project(shape: str, model: str, folder: Path) -> str:
    """Make a project around a shape with the essays of `model`, one of params.yaml.

    Args:
      shape: a key of `SHAPES`, or `model` for the model as it is.
      model: a key of models in params.yaml, whose tokens and parameters are taken.
      folder: an empty folder.

    Returns:
      The model's name in the new project.

    Raises:
      UserError: there is no such shape, or its vocabulary is smaller than the tokens' own.
    """
    if shape not in SHAPES and shape != model:
        raise UserError(f"no shape {shape!r}; there are: {', '.join([model, *SHAPES])}")
    configuration = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    fields = dict(configuration["models"][model])
    if shape in SHAPES:
        fields["encoder"] = "deberta"
        _hold_vocabulary(shape, model)
        backbone(SHAPES[shape], "deberta", folder / paths.backbone(shape))
    else:
        _link(paths.backbone(model), folder / paths.backbone(shape))
    _link(paths.tokens(model, "train"), folder / paths.tokens(shape, "train"))
    _link(paths.FOLDS, folder / paths.FOLDS)
    _link(paths.clean("train"), folder / paths.clean("train"))
    own = {"labels": {"from": paths.clean("train").as_posix()}, "models": {shape: fields}}
    YAML().dump(configuration | own, folder / "params.yaml")
    return shape


def backbone(config: Mapping[str, Any], encoder: str, folder: Path, seed: int = 1) -> None:
    """Write a config and random weights, as a backbone's folder holds them."""
    write_json(folder / "config.json", {**config, **name_classes(LABELS)})
    model = build(folder, encoder, Settings())
    drawn = draw_all(parameter_shapes(model), model.config.std, seed)
    tree = unflatten_dict({tuple(path.split("/")): leaf for path, leaf in drawn.items()})
    write_tensors(folder / FILE, export(tree, table(model, prefixed=True)))


def _hold_vocabulary(shape: str, model: str) -> None:
    there, needed = (
        fields["vocab_size"]
        for fields in (SHAPES[shape], read_json(paths.backbone(model) / "config.json"))
    )
    if needed > there:
        raise UserError(f"{shape}: {there} words, but {model}'s tokens need {needed}")


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source.absolute())
