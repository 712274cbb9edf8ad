"""Projects of their own around an encoder of a given shape with random weights: no download."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flax.traverse_util import unflatten_dict
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.encoders.config import Settings
from pipeline.encoders.draws import draw_all
from pipeline.encoders.head import build
from pipeline.encoders.tensors import FILE, write_tensors
from pipeline.encoders.weights import export, parameter_shapes, table
from pipeline.errors import UserError
from pipeline.files import read_json, write_json

_DEBERTA_V3: dict[str, Any] = {
    "model_type": "deberta-v2",
    "vocab_size": 128100,
    "max_position_embeddings": 512,
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_biased_input": False,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 256,
    "max_relative_positions": -1,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-7,
    "pad_token_id": 0,
}


def _deberta(width: int, layers: int, **more: Any) -> dict[str, Any]:
    return _DEBERTA_V3 | {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 64,
        "intermediate_size": 4 * width,
        **more,
    }


SHAPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "deberta_v3_base": _deberta(768, 12),
        "deberta_v3_large": _deberta(1024, 24),
        "deberta_tiny": _deberta(128, 2, vocab_size=31000, position_buckets=32),
    }
)
"""config.json of each; the last is for trying a bench out."""


def project(shape: str, model: str, folder: Path) -> str:
    """Make a project around a shape with the board's own essays of `model`, one of its models.

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
    board = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    fields = dict(board["models"][model])
    if shape in SHAPES:
        fields["encoder"] = "deberta"
        _hold_vocabulary(shape, model)
        backbone(SHAPES[shape], "deberta", folder / paths.backbone(shape))
    else:
        _link(paths.backbone(model), folder / paths.backbone(shape))
    _link(paths.tokens(model, "train"), folder / paths.tokens(shape, "train"))
    _link(paths.FOLDS, folder / paths.FOLDS)
    YAML().dump(board | {"models": {shape: fields}}, folder / "params.yaml")
    return shape


def backbone(config: Mapping[str, Any], encoder: str, folder: Path, seed: int = 1) -> None:
    """Write a config and random weights, as a backbone's folder holds them."""
    write_json(folder / "config.json", config)
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
