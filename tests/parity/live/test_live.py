"""Encoders against torch, live: `make parity`. Skipped where torch is not installed."""

import os
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.numpy import load_file  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    AutoModelForTokenClassification,
)
from transformers.models.deberta_v2.modeling_deberta_v2 import (  # noqa: E402
    build_relative_position,
    make_log_bucket_position,
)

from pipeline.encoders.attention.disentangled import log_buckets  # noqa: E402
from pipeline.encoders.head import name_classes  # noqa: E402
from pipeline.encoders.weights.folders import load_backbone, save_fold  # noqa: E402
from pipeline.files import read_json, write_json  # noqa: E402
from tests.encoders.tiny import LABELS  # noqa: E402
from tests.parity.compare import (  # noqa: E402
    gradient_errors,
    load,
    logits_and_gradients,
    open_model,
)
from tests.parity.make_golden import BUCKETS  # noqa: E402
from tests.parity.models import GOLDEN, MODELS  # noqa: E402
from tests.parity.torch_models import CONFIGS, Run, inputs, model, run, save  # noqa: E402
from tests.parity.torch_models import LENGTHS as GOLDEN_LENGTHS  # noqa: E402

LENGTHS = (16, 11, 5, 1)


@pytest.fixture(autouse=True)
def _exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def compare(folder: Path, done: Run, attention: str) -> tuple[float, float]:
    ours, params = load(folder, attention=attention)
    logits, gradients = logits_and_gradients(ours, params, done.ids, done.real, done.cotangent)
    difference = np.abs(logits - done.outputs["logits"])[done.real].max()
    return float(difference), max(gradient_errors(gradients, done.gradients).values())


@pytest.mark.parametrize("name", ["modernbert_long", "deberta_long", "deberta-v3_long"])
def test_windows_of_more_than_512_tokens(tmp_path: Path, name: str):
    made = model(name, 8)
    save(made, tmp_path)
    logits, gradients = compare(tmp_path, run(made, (768, 130), 8), "blocked")
    print(f"{name}: logits {logits:.1e}, gradients {gradients:.1e}")
    assert logits < 5e-5
    assert gradients < 1e-5


@pytest.mark.parametrize("attention", ["xla", "blocked"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", CONFIGS)
def test_tiny_models(tmp_path: Path, name: str, seed: int, attention: str):
    """Against torch in float64: its float32 alone is up to 4e-5 from that in some gradients."""
    made = model(name, seed)
    save(made, tmp_path)
    # transformers' ModernBERT takes its softmax in float32 whatever the model: float64's lowest
    # value turns into -inf there, and padding that sees no token into NaN.
    exact = made if name.startswith("modernbert") else made.double()
    logits, gradients = compare(tmp_path, run(exact, LENGTHS, seed), attention)
    print(f"{name} {attention}: logits {logits:.1e}, gradients {gradients:.1e}")
    assert logits < 5e-5
    assert gradients < 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_golden_arrays_are_those_of_the_script(name: str):
    kept = load_file(GOLDEN / name / "run.safetensors")
    made = AutoModelForTokenClassification.from_pretrained(
        GOLDEN / name, attn_implementation="eager"
    )
    done = run(made.eval(), GOLDEN_LENGTHS, MODELS[name].seed)
    np.testing.assert_array_equal(done.ids, kept["ids"])
    np.testing.assert_allclose(done.outputs["logits"], kept["output:logits"], atol=1e-5)


def test_buckets_of_relative_positions():
    distance = torch.arange(-4096, 4097)
    for buckets, longest in BUCKETS:
        theirs = make_log_bucket_position(distance, buckets, longest).long().numpy()
        ours = log_buckets(distance.numpy(), buckets, longest)
        np.testing.assert_array_equal(ours, theirs)
    rows = torch.zeros(1, 600, 1)
    theirs = build_relative_position(rows, rows, 256, 512)[0].numpy()
    places = np.arange(600)
    ours = log_buckets(places[:, None] - places, 256, 512)
    np.testing.assert_array_equal(ours, theirs)


def export(folder: Path, source: Path, backbone: Path) -> None:
    ours = open_model(source)
    save_fold(folder, load_backbone(source, ours, 5), ours, backbone, {"fold": 0})


def opens_in_torch(source: Path, tmp_path: Path, lengths: tuple[int, ...]) -> float:
    """Export a checkpoint under a drawn head; the largest difference of torch's logits of it."""
    named = read_json(source / "config.json") | name_classes(LABELS)
    write_json(source / "config.json", named)  # as the backbone stage does
    export(tmp_path / "fold0", source, source)
    theirs, told = AutoModelForTokenClassification.from_pretrained(
        tmp_path / "fold0", attn_implementation="eager", output_loading_info=True
    )
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert theirs.dtype == torch.float32
    assert tuple(theirs.config.id2label.values()) == LABELS
    ids, real, _ = inputs(theirs, lengths, 3)
    with torch.no_grad():
        batch = {"input_ids": torch.tensor(ids).long(), "attention_mask": torch.tensor(real).long()}
        logits = theirs.eval()(**batch).logits.numpy()
    ours, params = load(tmp_path / "fold0")
    found, _ = logits_and_gradients(ours, params, ids, real, np.zeros_like(logits))
    return float(np.abs(found - logits)[real].max())


@pytest.mark.parametrize("name", CONFIGS)
def test_export_opens_in_torch(tmp_path: Path, name: str):
    source = tmp_path / "source"
    save(model(name, 4), source)
    assert opens_in_torch(source, tmp_path, LENGTHS) < 1e-4


@pytest.mark.parametrize(
    ("name", "pretraining"),
    [
        (name, kind)
        for name, config in CONFIGS.items()
        for kind in (AutoModelForMaskedLM, AutoModelForPreTraining)
        if type(config) in kind._model_mapping
    ],
)
def test_pretraining_s_own_heads_are_dropped(tmp_path: Path, name: str, pretraining: Any):
    pretraining.from_config(CONFIGS[name]).save_pretrained(tmp_path / "source")
    assert opens_in_torch(tmp_path / "source", tmp_path, LENGTHS) < 1e-4


@pytest.mark.skipif("MINILM" not in os.environ, reason="MINILM names no folder")
def test_minilm(tmp_path: Path):
    source = tmp_path / "source"
    source.mkdir()
    for path in Path(os.environ["MINILM"]).iterdir():
        if path.is_file():
            shutil.copyfile(path, source / path.name)
    difference = opens_in_torch(source, tmp_path, (256, 130))
    print(f"MiniLM: logits {difference:.1e}")
    assert difference < 1e-4
    theirs = AutoModelForTokenClassification.from_pretrained(
        tmp_path / "fold0", attn_implementation="eager"
    ).eval()
    logits, gradients = compare(tmp_path / "fold0", run(theirs, (200, 64), 6), "blocked")
    print(f"MiniLM: logits {logits:.1e}, gradients {gradients:.1e}")
    assert logits < 1e-4
    assert gradients < 1e-4
