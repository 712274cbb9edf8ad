"""What holds for the checkpoints of every encoder, each as a tiny random one of tiny.CONFIGS."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from safetensors.numpy import load_file, save_file

from pipeline import params
from pipeline.backbones.builtin import write_tokenizer
from pipeline.backbones.make import WORDS, make
from pipeline.competition.schema import TASK
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.registry import CLASSIFIER
from pipeline.encoders.weights import folders
from pipeline.encoders.weights.folders import load_backbone, parameter_shapes
from pipeline.encoders.weights.tensors import FILE
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.inputs.markers import with_paragraph
from tests.configurations import section
from tests.encoders.tiny import CONFIGS, write_checkpoint
from tests.parity.compare import open_model

ALL = with_paragraph(TASK.markers.values())
State = dict[str, np.ndarray]
IN_VAIN = {  # what pretraining leaves in a checkpoint, by model type
    "bert": ("bert.pooler.dense.weight", "cls.predictions.bias", "bert.embeddings.position_ids"),
    "roberta": ("lm_head.dense.weight", "roberta.pooler.dense.bias"),
    "electra": (
        "discriminator_predictions.dense.weight",
        "generator_predictions.LayerNorm.weight",
        "generator_lm_head.bias",
        "electra.embeddings.position_ids",
    ),
    "modernbert": ("decoder.bias", "decoder.weight"),
    "deberta-v2": (
        "lm_predictions.lm_head.dense.weight",
        "mask_predictions.classifier.bias",
        "deberta.embeddings.position_ids",
        "pooler.dense.weight",
    ),
    "deberta": ("cls.predictions.bias", "deberta.embeddings.position_ids"),
}


def checkpoint(folder: Path, fields: dict[str, Any]) -> tuple[State, dict[str, Any]]:
    """A checkpoint with a tokenizer and pretraining's leftovers; its tensors and parameters."""
    folder.mkdir()
    size = write_tokenizer(["Sleep matters more than buses do, say some; others don't."], folder)
    state, tree = write_checkpoint(folder, fields, size)
    left = {name: np.zeros((3, 3), np.float32) for name in IN_VAIN[fields["model_type"]]}
    save_file(load_file(folder / FILE) | left, folder / FILE)
    return state, tree


def backbone(folder: Path, encoder: str, out: Path) -> TokenClassifier:
    """Make it, with the sha256 that the refusal without one tells, and open it."""

    def source(sha256: str | None) -> params.Backbone:
        return section(params.Backbone, source=str(folder), sha256=sha256)

    with pytest.raises(UserError, match="expected null, found ") as told:
        make(source(None), encoder, folder, TASK, out)
    make(source(str(told.value).split("found ", 1)[1][:64]), encoder, folder, TASK, out)
    return open_model(out)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_checkpoint_becomes_a_backbone(tmp_path: Path, name: str):
    state, tree = checkpoint(tmp_path / "mine", CONFIGS[name])
    encoder = open_model(tmp_path / "mine").name_of_encoder
    model = backbone(tmp_path / "mine", encoder, tmp_path / "out")
    assert load_file(tmp_path / "out/model.safetensors").keys() == state.keys()
    found = flatten_dict(load_backbone(tmp_path / "out", model, 1), sep="/")
    words = found.pop(f"encoder/{WORDS}")
    for path, leaf in flatten_dict(tree, sep="/").items():
        if path == f"encoder/{WORDS}":
            assert len(words) == len(leaf) + len(ALL)
            np.testing.assert_array_equal(words[: len(leaf)], leaf)
        elif path in CLASSIFIER:
            assert not np.array_equal(found.pop(path), leaf)  # drawn
        else:
            np.testing.assert_array_equal(found.pop(path), leaf, err_msg=path)
    assert not found


@pytest.mark.parametrize("name", CONFIGS)
def test_one_tensor_less_or_more_is_named(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "mine"
    state, _ = checkpoint(folder, CONFIGS[name])
    model = open_model(folder)
    # The model stays the same; tracing it for each tensor takes minutes.
    shapes = parameter_shapes(model)
    monkeypatch.setattr(folders, "parameter_shapes", lambda _: shapes)
    arrays = {name: np.ascontiguousarray(array) for name, array in state.items()}
    for name in arrays:
        (folder / "model.safetensors").unlink()
        save_file({n: a for n, a in arrays.items() if n != name}, folder / "model.safetensors")
        with pytest.raises(UserError, match=rf"missing .*{name.split('.', 1)[1]}$"):
            load_backbone(folder, model, 1)
    save_file(arrays | {"more": np.zeros(1, np.float32)}, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"unexpected more$"):
        load_backbone(folder, model, 1)


def test_a_modernbert_in_the_hub_s_older_form(tmp_path: Path):
    new = CONFIGS["modernbert"]
    fields = {k: v for k, v in new.items() if k not in ("layer_types", "rope_parameters")}
    old = {"global_attn_every_n_layers": 2, "global_rope_theta": 100.0, "local_rope_theta": 10.0}
    state, _ = checkpoint(tmp_path / "mine", new)
    size = len(state["model.embeddings.tok_embeddings.weight"])
    write_json(tmp_path / "mine/config.json", fields | old | {"vocab_size": size})
    config = backbone(tmp_path / "mine", "modernbert", tmp_path / "out").config
    assert (config.global_theta, config.local_theta) == (100.0, 10.0)
    assert config.local == (False, True, False, True, False)
