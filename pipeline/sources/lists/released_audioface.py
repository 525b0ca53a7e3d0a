"""List the files of a dataset as the paper's authors released it: faces, log-mels and identity labels, built already.

The folder holds ``Images``, ``Audios`` and ``IDFeat``, in each ``Train/<person>/`` and ``Test/<person>/``: pictures in
the first, NumPy files in the others. A file is found by its place, and its name is text: no path is made of an id.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.person import TEST, TRAIN
from pipeline.sources.lists.settings import ReleasedAudioface
from pipeline.sources.reading.found import Drop
from pipeline.sources.reading.local_file import is_plain_text, shown

IMAGES, AUDIOS, FEATURES = "Images", "Audios", "IDFeat"
_SUFFIXES = {IMAGES: (".jpg", ".jpeg", ".png"), AUDIOS: (".npy",), FEATURES: (".npy",)}
_SPLITS = {"Train": TRAIN, "Test": TEST}
_ESCAPED = re.compile(rb"=([0-9A-F]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFile:
    """A file of the layout."""

    path: Path
    kind: str
    """``Images``, ``Audios`` or ``IDFeat``."""
    split: str
    """'train' or 'test'."""
    person: str
    """By the name of its folder."""
    name: str
    """By its own name, without the suffix."""


def released_files(source: ReleasedAudioface) -> Iterator[ReleasedFile | Drop]:
    """Yield the files of a released dataset, in a fixed order, and of each other file its path and why it is none.

    Hidden files are passed over. Raises BadInput where there is no person's folder of pictures, or none of log-mels.
    """
    folder = Path(source.input)
    for kind in (IMAGES, AUDIOS):
        if not any((folder / kind / split).is_dir() for split in _SPLITS):
            raise BadInput(
                f"{folder}: expected {kind}/Train/<person>/ or {kind}/Test/<person>/, found neither. Name the folder"
                " of one dataset, such as Datasets/HDTF."
            )
    for kind in _SUFFIXES:
        for name, split in _SPLITS.items():
            for person in _names(folder / kind / name):
                yield from _of_person(folder, kind, split, folder / kind / name / person)


def text_of(name: str) -> str:
    """Return the text that facevox exported under ``name``: ``=`` and two hexadecimal digits were a byte of it.

    Any other name is returned as it is.
    """
    try:
        text = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), name.encode()).decode()
    except UnicodeDecodeError:
        return name
    return text if is_plain_text(text) else name


def _of_person(folder: Path, kind: str, split: str, person: Path) -> Iterator[ReleasedFile | Drop]:
    within = person.relative_to(folder)
    if not is_plain_text(person.name):
        yield _drop(within, "bad_name", "expected a name in UTF-8 without control characters: rename it")
    elif not person.is_dir():
        yield _drop(within, "no_folder", "expected a folder of a person's files, found a file")
    else:
        for name in _names(person):
            path = person / name
            if not is_plain_text(name):
                detail = "expected a name in UTF-8 without control characters: rename it"
                yield _drop(within / name, "bad_name", detail)
            elif path.suffix.lower() not in _SUFFIXES[kind]:
                yield _drop(within / name, "other_file", f"expected {' or '.join(_SUFFIXES[kind])}")
            else:
                yield ReleasedFile(
                    path=path, kind=kind, split=split, person=text_of(person.name), name=text_of(path.stem)
                )


def _names(folder: Path) -> list[str]:
    """Return the names of what a folder holds but for hidden files, in order; none where there is no such folder."""
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"{folder}: not readable ({error.strerror})") from None


def _drop(within: Path, reason: str, detail: str) -> Drop:
    return shown(within), Dropped.failed(reason, f"{shown(within)}: {detail}")
