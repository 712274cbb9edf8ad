"""Our side of the comparison with torch: run a model on what torch ran it on."""

import json
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pipeline.encoders.catalogue import ENCODERS
from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build
from pipeline.encoders.weights.folders import export, load_fold, table


def open_model(folder: Path, **settings: Any) -> TokenClassifier:
    """The model of a folder's config.json, by the encoder that serves its model type."""
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    encoder = next(name for name, types in ENCODERS.items() if model_type in types)
    return build(folder, encoder, Settings(**settings))


def load(folder: Path, **settings: Any) -> tuple[TokenClassifier, Any]:
    """A model and its parameters from a folder that torch wrote."""
    model = open_model(folder, **settings)
    return model, load_fold(folder, model)


def places(real: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Segment and position of rows that hold one window each."""
    positions = np.broadcast_to(np.arange(real.shape[1], dtype=np.int32), real.shape)
    return jnp.asarray(real, jnp.int32), jnp.asarray(positions)


def logits_and_gradients(
    model: TokenClassifier, params: Any, ids: np.ndarray, real: np.ndarray, cotangent: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits, and the gradients of their product with `cotangent` by Hugging Face's names."""
    segment, position = places(real)

    @jax.jit
    def both(tree: Any) -> Any:
        def loss(tree: Any) -> Any:
            logits = model.apply({"params": tree}, jnp.asarray(ids), segment, position, None)
            return jnp.sum(logits * cotangent), logits

        return jax.grad(loss, has_aux=True)(tree)

    gradients, logits = both(params)
    return np.asarray(logits), export(gradients, table(model, prefixed=True))


def gradient_errors(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest difference of each tensor, relative to torch's largest entry.

    A key's bias moves all scores of a query alike, so its gradient is zero but for rounding; it
    is held to the scale of the query's. So is that of a position's key; and that of a position's
    query, whose gradient is the content's part of the query's.
    """
    assert ours.keys() == theirs.keys()
    by = {
        name: re.sub(r"(key|pos_key|pos_query)(|_proj)\.bias$", r"query\2.bias", name)
        for name in theirs
    }
    scale = {name: np.abs(theirs[by[name]]).max() for name in theirs}
    return {name: float(np.abs(ours[name] - theirs[name]).max() / scale[name]) for name in theirs}
