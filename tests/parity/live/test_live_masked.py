"""Masked language models against torch, live, there and back: `make parity`."""

from pathlib import Path

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForMaskedLM  # noqa: E402

from pipeline.encoders.weights import masked_heads  # noqa: E402
from tests.parity.compare import open_model  # noqa: E402
from tests.parity.masked import logits, read  # noqa: E402
from tests.parity.torch_masked import masked_model, masked_run  # noqa: E402
from tests.parity.torch_models import CONFIGS  # noqa: E402


@pytest.fixture(autouse=True)
def _exact_products():
    with jax.default_matmul_precision("highest"):
        yield


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CONFIGS)
def test_logits_there_and_back(tmp_path: Path, name: str, seed: int):
    theirs = masked_model(name, seed)
    theirs.save_pretrained(tmp_path / "source")
    ids, real, expected = masked_run(theirs, seed)
    params, form = read(tmp_path / "source")
    made = logits(tmp_path / "source", params, form, ids, real)
    difference = np.abs(made - expected)[real].max()
    print(f"{name}: masked logits {difference:.1e}")
    assert difference < 5e-5

    exported = tmp_path / "exported"
    exported.mkdir()
    classifier = open_model(tmp_path / "source")
    masked_heads.save(exported, params, classifier, form, tmp_path / "source")
    opened, told = AutoModelForMaskedLM.from_pretrained(
        exported, attn_implementation="eager", output_loading_info=True
    )
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    again = masked_run(opened.eval(), seed)[2]
    np.testing.assert_allclose(again[real], expected[real], atol=1e-5)
