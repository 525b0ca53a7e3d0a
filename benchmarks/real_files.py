"""Recordings of real people: the repository holds none, so tests and benchmarks use the folders named in variables."""

import os
from pathlib import Path

from pipeline.core.base.errors import BadInput

CLIPS_VARIABLE = "FACEVOX_REAL_CLIPS"
PHOTOS_VARIABLE = "FACEVOX_REAL_PHOTOS"


def folder_named_by(variable: str) -> Path | None:
    """Return the folder that the environment variable names, None where it is unset or empty.

    Raises BadInput when what it names is no folder.
    """
    name = os.environ.get(variable)
    if not name:
        return None
    folder = Path(name)
    if not folder.is_dir():
        raise BadInput(f"{variable}={name!r}: expected a folder")
    return folder
