import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.encoders.config import Settings
from pipeline.encoders.head import build, name_classes
from pipeline.encoders.registry import architecture
from pipeline.encoders.weights.folders import load_backbone
from pipeline.errors import UserError
from tests.encoders.tiny import FIELDS, write


def test_logits_are_linear_in_the_encoder(tmp_path: Path):
    write(tmp_path)
    model = build(tmp_path, "bert", Settings())
    params = load_backbone(tmp_path, model, 1)
    ids = jnp.ones((1, 3), jnp.int32)
    position = jnp.arange(3)[None]
    logits = jax.jit(model.apply)({"params": params}, ids, ids, position, None)
    encoded = jax.jit(model.encoder.apply)({"params": params["encoder"]}, ids, ids, position, None)
    expected = np.asarray(encoded) @ params["classifier"]["kernel"] + params["classifier"]["bias"]
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_an_encoder_that_is_not_there_is_told_with_the_nearest(tmp_path: Path):
    write(tmp_path)
    with pytest.raises(UserError, match="no 'brt'; the nearest valid one is 'bert'"):
        build(tmp_path, "brt", Settings())
    with pytest.raises(UserError, match="no 'json'"):
        architecture("json")


def test_a_model_type_that_is_not_served_is_told(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps(FIELDS | {"model_type": "t5"}))
    with pytest.raises(
        UserError, match=r"'bert' does not serve model_type 't5'; none does; .*bert"
    ):
        build(tmp_path, "bert", Settings())


def test_the_config_says_how_many_classes_there_are(tmp_path: Path):
    write(tmp_path, **name_classes(("no", "yes")))
    model = build(tmp_path, "bert", Settings())
    assert load_backbone(tmp_path, model, 1)["classifier"]["kernel"].shape == (8, 2)
    write(tmp_path, id2label=None)
    message = r"config\.json: id2label: expected the names of the classes, found None"
    with pytest.raises(UserError, match=message):
        build(tmp_path, "bert", Settings())
