"""The folder that docs/learn.md exports, opened in torch."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForTokenClassification, AutoTokenizer  # noqa: E402

from tests.docs.page import run_library  # noqa: E402


def test_torch_has_the_same_logits(tmp_path: Path):
    run_library(tmp_path)
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "exported").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "exported")
    tokens = tokenizer(["Seagulls are loud."], return_tensors="pt")
    with torch.no_grad():
        theirs = model(tokens["input_ids"], tokens["attention_mask"]).logits.numpy()
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), theirs, atol=1e-5)
