"""Folds' weights in the dtype of a bundle, and what the rounding does to their predictions."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from safetensors.numpy import save_file

from pipeline import devices as machine
from pipeline import paths
from pipeline.bundle import contents
from pipeline.bundle.bundled_model import BundledModel
from pipeline.competition.schema import LABELS
from pipeline.encoders.weights.folders import CARD, OWN_SETTINGS
from pipeline.encoders.weights.tensors import FILE, read_tensors
from pipeline.errors import UserError
from pipeline.files import atomic_file, read_json, write_json
from pipeline.inputs.tokens import Tokens, read_tokens
from pipeline.params import Predict
from pipeline.progress import say
from pipeline.seed_means import seed_means
from pipeline.tables.elements import Elements
from pipeline.tables.essay_folds import held_out
from pipeline.units import Unit

DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": jnp.dtype(jnp.bfloat16),
}
_PER_FOLD = (FILE, "config.json", OWN_SETTINGS, CARD)


def pack_model(bundle: Path, model: str, trained: Sequence[Unit], dtype: str) -> None:
    """Write a model's config and tokenizer once, and the weights of its units in `dtype`.

    Raises:
      UserError: a weight is too large for the dtype, or folds differ in more than weights.
    """
    target = contents.model(bundle, model)
    target.mkdir(parents=True)
    first = paths.weights(model, trained[0])
    for path in sorted(first.iterdir()):
        if path.name not in _PER_FOLD:
            shutil.copyfile(path, target / path.name)
    config = read_json(first / "config.json")
    write_json(target / "config.json", config | {"dtype": dtype})
    for unit in trained:
        folder = paths.weights(model, unit)
        if read_json(folder / "config.json") != config:
            raise UserError(f"{folder / 'config.json'}: expected that of {first}; run dvc repro")
        write_rounded(folder, contents.weights(bundle, model, unit), dtype)


def write_rounded(source: Path, target: Path, dtype: str) -> None:
    """Write a fold's tensors, rounded to nearest.

    Raises:
      UserError: a weight is not finite in the dtype.
    """
    rounded = {}
    for name, array in sorted(read_tensors(source, exact=True).items()):
        with np.errstate(over="ignore"):
            rounded[name] = np.ascontiguousarray(array.astype(DTYPES[dtype]))
        if not np.isfinite(rounded[name]).all():
            largest = float(np.abs(array).max())
            raise UserError(
                f"{source}: {name}: {largest:.6g} is too large for {dtype}; use --dtype bfloat16"
            )
    with atomic_file(target) as temporary:
        save_file(rounded, temporary, metadata={"format": "pt"})


class HeldOut:
    """Out-of-fold predictions under a bundle's own weights."""

    def __init__(self, bundle: Path, elements: Elements) -> None:
        """Start JAX on what is there; `elements` are all labelled ones."""
        self._bundle, self._elements = bundle, elements
        self._backend = machine.start_best()

    def predict(
        self, model: str, encoder: str, settings: Predict, trained: Sequence[Unit]
    ) -> Float[np.ndarray, "elements labels"]:
        """Every element by the fold that did not train on its essay, a mean over its seeds."""
        tokens = read_tokens(paths.tokens(model, "train"))
        self._check(model, tokens)
        bundled = BundledModel(self._bundle, model, encoder, settings, self._backend, tokens)
        say(f"bundle: {model}: out of fold on {self._backend} in {bundled.dtype}")
        out = np.full((len(self._elements), len(LABELS)), np.nan)

        def predict(unit: Unit) -> Float[np.ndarray, "elements labels"]:
            windows = np.flatnonzero(held_out(tokens.essay_ids, unit.fold))
            return bundled.predict(unit, windows)[self._elements.folds == unit.fold]

        for fold, mean in seed_means(trained, predict):
            out[self._elements.folds == fold] = mean
        if np.isnan(out).any():
            raise UserError(f"{model}: {np.isnan(out).any(axis=1).sum()} predictions are no number")
        return out

    def _check(self, model: str, tokens: Tokens) -> None:
        if tokens.element_ids != self._elements.element_ids:
            raise UserError(
                f"{paths.tokens(model, 'train')}: expected the elements of "
                f"{paths.clean('train')}; run dvc repro"
            )
