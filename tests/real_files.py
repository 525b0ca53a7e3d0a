"""Clips and photos of real people, published weights and lists: tests that need them say so and are skipped without."""

from pathlib import Path

import pytest

from benchmarks.real_files import CLIPS_VARIABLE, PHOTOS_VARIABLE, folder_named_by
from pipeline.weights.fetch import LOCAL_VARIABLE


def _needs(variable: str, what: str) -> tuple[Path, pytest.MarkDecorator]:
    folder = folder_named_by(variable)
    mark = pytest.mark.skipif(folder is None, reason=f"{variable} is unset: it names a folder of {what}")
    return folder or Path("unset"), mark


CLIPS, needs_clips = _needs(CLIPS_VARIABLE, "clips of real people")
PHOTOS, needs_photos = _needs(PHOTOS_VARIABLE, "photos of real people")
LISTS, needs_lists = _needs("FACEVOX_LISTS", "published lists: HDTF/, FaceForensics/, a table of portraits")
WEIGHTS, needs_weights = _needs(LOCAL_VARIABLE, "published weights")
