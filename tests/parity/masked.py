"""Our side of the comparison of masked language models with torch; needs no torch."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from pipeline.encoders.masked import Form, masked_language_model
from pipeline.encoders.weights import masked_heads
from pipeline.encoders.weights.folders import Params
from pipeline.encoders.weights.tensors import write_tensors
from tests.parity import models
from tests.parity.compare import open_model, places

GOLDEN = models.GOLDEN / "masked"
NAMES = {
    "bert": 21,
    "roberta": 22,
    "electra": 23,
    "modernbert": 24,
    "deberta-v3": 25,
    "deberta-v2-convolution": 26,  # narrow embeddings: the older form of the head
    "deberta": 27,
}
"""The golden models of torch_models.py, and the seeds of their arrays."""


def read(folder: Path) -> tuple[Params, Form]:
    """The parameters of a checkpoint that torch wrote, as the backbone stage keeps its head."""
    classifier = open_model(folder)
    found = masked_heads.find(folder, classifier.config, classifier.config.vocab_size)
    assert found, "the checkpoint's own head is to be read, not drawn"
    write_tensors(folder / masked_heads.FILE, found)
    form, there = masked_heads.form_of(folder, classifier.config)
    assert there
    return masked_heads.load(folder, classifier, 0), form


def logits(
    folder: Path, params: Params, form: Form, ids: np.ndarray, real: np.ndarray
) -> np.ndarray:
    """Logits of every token."""
    classifier = open_model(folder)
    model = masked_language_model(classifier, form, classifier.encoder.settings)
    segment, position = places(real)
    made = model.apply({"params": params}, jnp.asarray(ids), segment, position, None, position)
    return np.asarray(made)
