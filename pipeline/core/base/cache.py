"""The user's cache folder, which outlives a checkout: item store, unfinished downloads, fetched weights."""

import os
from pathlib import Path

CACHE_VARIABLE = "FACEVOX_CACHE"


def cache_folder() -> Path:
    """Return FACEVOX_CACHE, or facevox's folder in the user's cache; absolute."""
    from platformdirs import user_cache_path

    configured = os.environ.get(CACHE_VARIABLE)
    return Path(configured).expanduser().absolute() if configured else user_cache_path("facevox")
