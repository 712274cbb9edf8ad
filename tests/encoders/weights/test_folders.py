import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build
from pipeline.encoders.weights.folders import (
    draw,
    grow,
    load_backbone,
    load_fold,
    parameter_shapes,
    save_fold,
    table,
)
from pipeline.encoders.weights.tensors import FILE, read_tensors
from pipeline.errors import UserError
from tests.encoders.tiny import tensors, write

State = dict[str, np.ndarray]


def loaded(folder: Path) -> tuple[TokenClassifier, dict[str, Any]]:
    model = build(folder, "bert", Settings())
    return model, load_backbone(folder, model, 3)


def same(one: Any, other: Any) -> bool:
    equal = jax.tree.map(lambda a, b: a.dtype == b.dtype and np.array_equal(a, b), one, other)
    return all(jax.tree.leaves(equal))


def test_leaves_are_stacked_and_transposed(tmp_path: Path):
    state = write(tmp_path)
    layers = loaded(tmp_path)[1]["encoder"]["layers"]
    for layer in range(2):
        stem = f"encoder.layer.{layer}"
        np.testing.assert_array_equal(
            layers["intermediate"]["kernel"][layer], state[f"{stem}.intermediate.dense.weight"].T
        )
        np.testing.assert_array_equal(
            layers["query"]["bias"][layer], state[f"{stem}.attention.self.query.bias"]
        )
        np.testing.assert_array_equal(
            layers["output_norm"]["scale"][layer], state[f"{stem}.output.LayerNorm.weight"]
        )


def test_every_parameter_has_its_name(tmp_path: Path):
    write(tmp_path)
    model, params = loaded(tmp_path)
    assert table(model).keys() == parameter_shapes(model).keys()
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float32"}


def old_norms(state: State) -> State:
    return {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): array
        for name, array in state.items()
    }


def with_heads(state: State) -> State:
    extra = {
        "bert.pooler.dense.weight": np.zeros((8, 8), np.float32),
        "bert.pooler.dense.bias": np.zeros(8, np.float32),
        "bert.embeddings.position_ids": np.arange(10)[None],
        "cls.predictions.transform.LayerNorm.gamma": np.zeros(8, np.float32),
        "cls.seq_relationship.weight": np.zeros((2, 8), np.float32),
        "classifier.weight": np.zeros((9, 8), np.float32),
    }
    return {f"bert.{name}": array for name, array in state.items()} | extra


@pytest.mark.parametrize("form", [old_norms, with_heads])
def test_forms_of_a_checkpoint(tmp_path: Path, form: Callable[[State], State]):
    write(tmp_path / "plain")
    write(tmp_path / "other", form(tensors()))
    assert same(loaded(tmp_path / "plain")[1], loaded(tmp_path / "other")[1])


def test_prefix_and_head_of_roberta(tmp_path: Path):
    state = {f"roberta.{name}": array for name, array in tensors().items()}
    state["lm_head.dense.weight"] = np.zeros((8, 8), np.float32)
    write(tmp_path / "roberta", state, model_type="roberta", pad_token_id=1)
    write(tmp_path / "bert")
    assert same(loaded(tmp_path / "roberta")[1], loaded(tmp_path / "bert")[1])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_widened(tmp_path: Path, dtype: Any):
    halves = {name: array.astype(dtype) for name, array in tensors().items()}
    write(tmp_path / "half", halves)
    write(tmp_path / "full", {name: array.astype(np.float32) for name, array in halves.items()})
    assert same(loaded(tmp_path / "half")[1], loaded(tmp_path / "full")[1])


def test_shards(tmp_path: Path):
    state = write(tmp_path / "one")
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "config.json").write_text((tmp_path / "one/config.json").read_text())
    files = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(state)}
    for file in set(files.values()):
        save_file({n: state[n] for n in state if files[n] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert same(loaded(folder)[1], loaded(tmp_path / "one")[1])
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(UserError, match=r"model-1\.safetensors: not found, though"):
        loaded(folder)


def test_an_index_cannot_name_a_file_elsewhere(tmp_path: Path):
    index = {"weight_map": {"a": "../secret.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"expected a \.safetensors file, found '\.\./secret"):
        read_tensors(tmp_path)


TYPES = "embeddings.token_type_embeddings.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop(TYPES), f"missing {TYPES}$"),
        (lambda s: s.update(surprise=s[TYPES]), "unexpected surprise$"),
        (lambda s: s.update({"encoder.layer.2.output.dense.bias": s[TYPES]}), "unexpected enc"),
        (lambda s: s.update({TYPES: s[TYPES][:1]}), rf"{TYPES}: expected shape \(2, 8\), found"),
        (
            lambda s: s.update({TYPES: s[TYPES].astype(np.float64)}),
            "F16 or BF16, found F64",
        ),
        (
            lambda s: s.update({f"bert.{TYPES}": s[TYPES]}),
            rf"{TYPES} twice: bert\.{TYPES} and",
        ),
        (lambda s: s.clear(), r"missing embeddings\.LayerNorm\.bias, .* and 31 more$"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: Callable[[State], Any], message: str):
    state = tensors()
    change(state)
    write(tmp_path, state)
    with pytest.raises(UserError, match=message):
        loaded(tmp_path)


WORDS = "embeddings.word_embeddings.weight"
DENSE = "encoder.layer.1.output.dense.weight"


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_counted_and_placed(
    tmp_path: Path, value: float, dtype: Any
):
    """Rows of words that no essay has are part of a checkpoint too."""
    state = {name: array.astype(dtype) for name, array in tensors().items()}
    state[DENSE][3, 5] = state[DENSE][7, 0] = value
    write(tmp_path, state)
    with pytest.raises(UserError) as told:
        loaded(tmp_path)
    assert str(told.value) == (
        f"{tmp_path}/model.safetensors: {DENSE}: expected finite numbers, found 2 of 96 that are "
        f"not, the first {value} at [3, 5]"
    )


@pytest.mark.parametrize("exact", [True, False])
def test_a_fold_s_weights_are_finite(tmp_path: Path, exact: bool):
    folder, model, _ = exported(tmp_path)
    state = {name: np.array(array) for name, array in load_file(folder / FILE).items()}
    state["classifier.bias"][1] = np.nan
    save_file(state, folder / FILE)
    with pytest.raises(UserError, match=r"classifier\.bias: .* 1 of 3 .*, the first nan at \[1\]$"):
        load_fold(folder, model, exact)


@pytest.mark.parametrize("name", ["pooler.dense.weight", "cls.predictions.bias", "classifier.bias"])
@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_what_is_dropped_is_not_read(tmp_path: Path, name: str, dtype: Any):
    array = np.full((8, 8), np.nan).astype(np.float32) if dtype is np.float32 else np.ones(3, dtype)
    write(tmp_path, tensors() | {name: array})
    assert same(loaded(tmp_path)[1]["encoder"]["embeddings"]["word"]["embedding"], tensors()[WORDS])


def header(path: Path, dtype: str, size: int) -> None:
    """Write a file of one tensor in a dtype that numpy lacks."""
    fields = {WORDS: {"dtype": dtype, "shape": [4], "data_offsets": [0, size]}}
    text = json.dumps(fields).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))


@pytest.mark.parametrize(("dtype", "size"), [("F8_E4M3", 4), ("F4", 2)])
def test_dtypes_that_numpy_lacks_are_named(tmp_path: Path, dtype: str, size: int):
    header(tmp_path / FILE, dtype, size)
    with pytest.raises(UserError) as told:
        read_tensors(tmp_path)
    expected = f"{tmp_path}/{FILE}: {WORDS}: expected F32, F16 or BF16, found {dtype}"
    assert str(told.value) == expected


def test_a_tensor_in_two_shards_is_named(tmp_path: Path):
    files = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / files["a"])
    save_file(dict.fromkeys("ab", np.ones(1, np.float32)), tmp_path / files["b"])
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    with pytest.raises(UserError, match=r"model-2\.safetensors: a: stands in model-1\.saf"):
        read_tensors(tmp_path)


def test_a_file_that_is_no_safetensors_is_named(tmp_path: Path):
    write(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x02pickle")
    with pytest.raises(UserError, match=r"model\.safetensors: cannot be read as safetensors"):
        loaded(tmp_path)


def exported(tmp_path: Path) -> tuple[Path, TokenClassifier, dict[str, Any]]:
    write(tmp_path / "backbone", {f"bert.{n}": a for n, a in tensors().items()})
    (tmp_path / "backbone/tokenizer.json").write_text("{}")
    (tmp_path / "backbone/origin.json").write_text("{}")
    model, params = loaded(tmp_path / "backbone")
    save_fold(tmp_path / "fold0", params, model, tmp_path / "backbone", {"window": 7})
    return tmp_path / "fold0", model, params


def test_a_fold_comes_back_to_the_bit(tmp_path: Path):
    folder, model, params = exported(tmp_path)
    assert same(load_fold(folder, build(folder, "bert", Settings())), params)
    before = (folder / "model.safetensors").read_bytes()
    save_fold(folder, jax.tree.map(jax.numpy.asarray, params), model, tmp_path / "backbone", {})
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_fold_is_a_hugging_face_folder(tmp_path: Path):
    folder, _, params = exported(tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "model.safetensors", "pipeline.json", "tokenizer.json"}
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]
    assert config["id2label"] == {"0": "poor", "1": "fair", "2": "good"}
    assert config["label2id"] == {"poor": 0, "fair": 1, "good": 2}
    assert config["dtype"] == "float32"
    assert json.loads((folder / "pipeline.json").read_text()) == {"encoder": "bert", "window": 7}
    state = load_file(folder / "model.safetensors")
    expected = {f"bert.{name}" for name in tensors()} | {"classifier.weight", "classifier.bias"}
    assert state.keys() == expected
    np.testing.assert_array_equal(state["classifier.weight"], params["classifier"]["kernel"].T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("classifier.bias"), "missing classifier.bias"),
        (
            lambda s: s.update({"bert.pooler.dense.bias": s["classifier.bias"]}),
            "unexpected bert.po",
        ),
        (
            lambda s: s.update({"classifier.bias": s["classifier.bias"].astype(np.float16)}),
            "classifier.bias: expected F32, found F16",
        ),
    ],
)
def test_a_fold_is_read_without_exceptions(
    tmp_path: Path, change: Callable[[State], Any], message: str
):
    folder, model, _ = exported(tmp_path)
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(UserError, match=message):
        load_fold(folder, model)


def test_the_head_is_drawn_from_the_seed(tmp_path: Path):
    write(tmp_path)
    model, params = loaded(tmp_path)
    assert same(load_backbone(tmp_path, model, 3), params)
    assert not params["classifier"]["bias"].any()
    other = load_backbone(tmp_path, model, 4)
    assert (other["classifier"]["kernel"] != params["classifier"]["kernel"]).all()
    assert same(other["encoder"], params["encoder"])


def test_draws_have_the_spread_of_the_config_and_a_stream_of_their_own():
    drawn = draw("a/kernel", (200, 100), 0.02, 1)
    assert abs(drawn.std() - 0.02) < 0.0005
    assert abs(drawn.mean()) < 0.0005
    np.testing.assert_array_equal(drawn, draw("a/kernel", (200, 100), 0.02, 1))
    for other in (draw("b/kernel", (200, 100), 0.02, 1), draw("a/kernel", (200, 100), 0.02, -1)):
        assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 0.03
    assert draw("norm/scale", (3,), 0.02, 1).tolist() == [1, 1, 1]


def test_new_rows_look_like_the_others():
    rows = np.random.default_rng(0).normal([5.0, -1.0], [2.0, 0.1], (4000, 2)).astype(np.float32)
    more = grow(rows, 3000, "words", 1)
    np.testing.assert_array_equal(more[:4000], rows)
    np.testing.assert_allclose(more[4000:].mean(axis=0), [5.0, -1.0], atol=0.2)
    np.testing.assert_allclose(more[4000:].std(axis=0), [2.0, 0.1], rtol=0.1)
