"""Where things are kept that outlive a checkout: the item store, broken downloads, fetched weights."""

import os
from pathlib import Path

CACHE_VARIABLE = "FACEVOX_CACHE"


def cache_folder() -> Path:
    """Return FACEVOX_CACHE, or facevox's folder in the user's cache; absolute."""
    from platformdirs import user_cache_path

    given = os.environ.get(CACHE_VARIABLE)
    return Path(given).expanduser().absolute() if given else user_cache_path("facevox")
