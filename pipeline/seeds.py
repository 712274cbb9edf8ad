"""Random streams by name: a seed or a generator for each purpose, never global state.

Streams of different names are independent, so adding one changes no other. The three ways differ
in how names enter; each keeps its values, since folds and weights were drawn from them.
"""

import hashlib
import zlib

import numpy as np


def stream(seed: int, *names: str | int) -> int:
    """Return a 32-bit seed that depends on every name, such as the fold and the purpose."""
    text = "\0".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def tensor_draws(seed: int, name: str) -> np.random.Generator:
    """Make the generator of one tensor's values; `seed` may be negative."""
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4").tolist()
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([abs(seed), seed < 0, *words]))
    )


def packing_draws(seed: int, epoch: int) -> np.random.Generator:
    """Make the generator of one epoch's pools and of the order of its rows."""
    return np.random.default_rng([seed % 2**64, epoch, zlib.crc32(b"packing")])
