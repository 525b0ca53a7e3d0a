"""Random number generators that are seeded by a named key."""

import hashlib

import numpy as np


def keyed_rng(*key: str | int) -> np.random.Generator:
    """Return the generator seeded by ``key``: equal keys, equal numbers, in every process and on every machine."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in key)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))
