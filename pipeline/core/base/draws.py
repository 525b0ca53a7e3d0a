"""Random draws by hash: an item's place in the draw depends only on the seed and its own id."""

import hashlib

_DIGEST_BYTES = 8
_N_VALUES = 2.0 ** (8 * _DIGEST_BYTES)


def draw_order(seed: int, item_id: str) -> bytes:
    """Return a key by which sorting puts items into a random order, the same on every machine."""
    return hashlib.sha256(f"{seed}/{item_id}".encode()).digest()


def draw_unit(seed: int, item_id: str) -> float:
    """Return a number in [0, 1), uniform over items."""
    return int.from_bytes(draw_order(seed, item_id)[:_DIGEST_BYTES]) / _N_VALUES
