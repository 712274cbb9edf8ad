"""Weights that no checkpoint brings, drawn from a seed, one stream for each tensor by name."""

import hashlib
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32


def stream(seed: int, name: str) -> np.random.Generator:
    """Make a generator for a name alone, so that one more tensor changes none of the others."""
    digest = hashlib.sha256(name.encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([abs(seed), seed < 0, *words]))
    )


def draw(name: str, shape: tuple[int, ...], std: float, seed: int) -> Float32[np.ndarray, "..."]:
    """Draw one parameter as Hugging Face initialises it.

    Args:
      name: its path; the last part decides: biases are zero, scales one, others normal.
      shape: of the array.
      std: of the normal distribution.
      seed: of the stream.
    """
    last = name.rsplit("/", 1)[-1]
    if last in ("bias", "scale"):
        return np.full(shape, float(last == "scale"), np.float32)
    return (std * stream(seed, name).standard_normal(shape)).astype(np.float32)


def draw_all(shapes: Mapping[str, tuple[int, ...]], std: float, seed: int) -> dict[str, np.ndarray]:
    """Draw several parameters by path."""
    return {path: draw(path, shape, std, seed) for path, shape in shapes.items()}


def grow(
    rows: Float32[np.ndarray, "rows width"], count: int, name: str, seed: int
) -> Float32[np.ndarray, "more width"]:
    """Append `count` rows that look like the others: normal, with each column's mean and spread."""
    known = rows.astype(np.float64)
    drawn = stream(seed, name).standard_normal((count, rows.shape[1]))
    new = known.mean(axis=0) + known.std(axis=0) * drawn
    return np.concatenate([rows, new.astype(np.float32)])
