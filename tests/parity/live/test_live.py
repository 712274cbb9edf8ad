"""Encoders against torch, live: `make parity`. Skipped where torch is not installed."""

import os
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.numpy import load_file  # noqa: E402
from transformers import AutoModelForTokenClassification  # noqa: E402

from pipeline.competition.schema import LABELS  # noqa: E402
from pipeline.encoders.config import Settings  # noqa: E402
from pipeline.encoders.head import build  # noqa: E402
from pipeline.encoders.weights import load_backbone, load_fold, save_fold  # noqa: E402
from tests.parity.compare import gradient_errors, load, logits_and_gradients  # noqa: E402
from tests.parity.make_golden import GOLDEN  # noqa: E402
from tests.parity.torch_models import Run, inputs, model, run, save  # noqa: E402

LENGTHS = (16, 11, 5, 1)


@pytest.fixture(autouse=True)
def _exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def compare(folder: Path, done: Run, attention: str) -> tuple[float, float]:
    ours, params = load(folder, attention)
    logits, gradients = logits_and_gradients(ours, params, done.ids, done.real, done.cotangent)
    difference = np.abs(logits - done.outputs["logits"])[done.real].max()
    return float(difference), max(gradient_errors(gradients, done.gradients).values())


@pytest.mark.parametrize("attention", ["xla", "blocked"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_tiny_models(tmp_path: Path, model_type: str, seed: int, attention: str):
    made = model(model_type, seed)
    save(made, tmp_path)
    logits, gradients = compare(tmp_path, run(made, LENGTHS, seed), attention)
    print(f"{model_type} {attention}: logits {logits:.1e}, gradients {gradients:.1e}")
    assert logits < 5e-5
    assert gradients < 1e-5


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_golden_arrays_are_those_of_the_script(model_type: str):
    kept = load_file(GOLDEN / model_type / "run.safetensors")
    seed = {"bert": 11, "roberta": 12}[model_type]
    made = AutoModelForTokenClassification.from_pretrained(
        GOLDEN / model_type, attn_implementation="eager"
    )
    done = run(made.eval(), (14, 9, 1), seed)
    np.testing.assert_array_equal(done.ids, kept["ids"])
    np.testing.assert_allclose(done.outputs["logits"], kept["output:logits"], atol=1e-5)


def export(folder: Path, source: Path, backbone: Path) -> None:
    ours = build(source, "bert", Settings())
    save_fold(folder, load_backbone(source, ours, 5), ours, backbone, {"fold": 0})


def opens_in_torch(source: Path, tmp_path: Path, lengths: tuple[int, ...]) -> float:
    """Export a checkpoint under a drawn head; the largest difference of torch's logits of it."""
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
    ours = build(tmp_path / "fold0", "bert", Settings())
    params = load_fold(tmp_path / "fold0", ours)
    found, _ = logits_and_gradients(ours, params, ids, real, np.zeros_like(logits))
    return float(np.abs(found - logits)[real].max())


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_export_opens_in_torch(tmp_path: Path, model_type: str):
    source = tmp_path / "source"
    save(model(model_type, 4), source)
    assert opens_in_torch(source, tmp_path, LENGTHS) < 1e-4


def test_masked_language_model_loses_its_head(tmp_path: Path):
    from transformers import BertForMaskedLM

    from tests.parity.torch_models import config

    BertForMaskedLM(config("bert")).save_pretrained(tmp_path / "source")
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
