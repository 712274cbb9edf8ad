"""Random streams by name: a seed for each purpose, never global state."""

import hashlib


def stream(seed: int, *names: str | int) -> int:
    """A 32-bit seed that depends on every name, such as the fold and the purpose.

    Streams of different names are independent, so adding one changes no other.
    """
    text = "\0".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
