"""Faces to train a face recognition network on: person, origin, and the picture, read on access."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pipeline.core.base.arrays import FramesRGB, ImageRGB
from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.images import read_picture_file
from pipeline.identity.network.resnet import INPUT_PX, view

SHORTER_SIDE_PX = 256
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


class RecognitionFaces(Protocol):
    """N faces; rows are numbered from 0."""

    @property
    def persons(self) -> Sequence[str]:
        """The person of each face."""

    @property
    def origins(self) -> Sequence[str]:
        """The clip or photograph of each face; the faces of one origin are held out together."""

    @property
    def n_unreadable(self) -> int:
        """How many more there are whose picture can't be read."""

    def read(self, row: int) -> ImageRGB:
        """Return a face, (224, 224, 3) RGB."""

    def content_hash(self) -> str:
        """Return a hash of all faces, their persons and their origins, as hex."""


@dataclass(frozen=True, slots=True)
class StoredFaces:
    """Faces as an array (N, 224, 224, 3) uint8, in memory or a map of a file."""

    persons: Sequence[str]
    origins: Sequence[str]
    images: FramesRGB
    n_unreadable: int = 0

    def read(self, row: int) -> ImageRGB:
        """Return the face."""
        image: ImageRGB = self.images[row]
        return image

    def content_hash(self) -> str:
        """Return a hash of faces, persons and origins."""
        return _hash_of([*self.persons, *self.origins], self.images)


@dataclass(frozen=True, slots=True)
class FolderFaces:
    """Faces as picture files, each an origin of its own; memory holds only their paths."""

    persons: Sequence[str]
    origins: Sequence[str]
    """The pictures' paths."""
    sha256s: Sequence[str]
    n_unreadable: int

    def read(self, row: int) -> ImageRGB:
        """Return the face cropped as published for VGGFace2; raises BadInput where its file has changed meanwhile."""
        picture = read_picture_file(Path(self.origins[row]))
        if picture is None:
            raise BadInput(f"{self.origins[row]}: can no longer be read")
        return published_crop(picture)

    def content_hash(self) -> str:
        """Return a hash of pictures, persons and origins."""
        return _hash_of([*self.persons, *self.origins, *self.sha256s])


def store_faces(faces: Iterable[tuple[ImageRGB, str, str]], file: Path) -> StoredFaces:
    """Write crops, with person and origin each, to ``file``, 150 kB each, and return them as a map of it."""
    persons, origins = [], []
    with file.open("wb") as stored:
        for face, person, origin in faces:
            stored.write(recognition_crop(face).tobytes())
            persons.append(person)
            origins.append(origin)
    shape = (len(persons), INPUT_PX, INPUT_PX, 3)
    images = np.memmap(file, np.uint8, mode="r", shape=shape) if persons else np.empty(shape, np.uint8)
    return StoredFaces(persons, origins, images)


def recognition_crop(crop: ImageRGB) -> ImageRGB:
    """Return the part of an aligned crop that the network takes, (224, 224, 3)."""
    return _resized(crop[view(len(crop))])


def list_folder(folder: Path) -> FolderFaces:
    """List ``<folder>/<person>/<picture>``, or the same in ``<folder>/train`` if there is one (as in VGGFace2).

    JPEG and PNG files, sorted; names that start with a dot are skipped. Each is read once: those that can't be read
    are counted only. Raises BadInput when there is no such folder, or none with a picture that can be read.
    """
    root = folder / "train" if (folder / "train").is_dir() else folder
    if not root.is_dir():
        raise BadInput(
            f"{folder}: expected a folder of persons' folders of pictures. Correct 'pretrain_identity.faces'."
        )
    persons, paths = [], []
    for person in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for picture in sorted(person.iterdir()):
            if picture.suffix.lower() in PICTURE_SUFFIXES and not picture.name.startswith("."):
                persons.append(person.name)
                paths.append(str(picture))
    if not paths:
        raise BadInput(f"{root}: expected <person>/<picture>.jpg or .png, found none")
    with ThreadPoolExecutor() as pool:
        sha256s = list(pool.map(_sha256_if_readable, paths))
    readable = [row for row, sha256 in enumerate(sha256s) if sha256 is not None]
    if not readable:
        raise BadInput(f"{root}: expected pictures, found {len(paths)} files of which none can be read")
    return FolderFaces(
        persons=[persons[row] for row in readable],
        origins=[paths[row] for row in readable],
        sha256s=[sha256 for sha256 in sha256s if sha256 is not None],
        n_unreadable=len(paths) - len(readable),
    )


def published_crop(picture: ImageRGB) -> ImageRGB:
    """Return (224, 224, 3): the middle of the picture resized to a shorter side of 256 (Cao et al. 2018, section V).

    The pictures are already the face's box extended by 0.3. The crop comes before the resize: else a long narrow
    picture would grow without bound.
    """
    height, width = picture.shape[:2]
    side = max(1, round(min(height, width) * INPUT_PX / SHORTER_SIDE_PX))
    top, left = (height - side) // 2, (width - side) // 2
    return _resized(picture[top : top + side, left : left + side])


def _sha256_if_readable(path: str) -> str | None:
    return None if read_picture_file(Path(path)) is None else sha256_of(Path(path))


def _hash_of(texts: Iterable[str], images: Iterable[ImageRGB] = ()) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{text}\n".encode())
    for image in images:
        digest.update(image.tobytes())
    return digest.hexdigest()


def _resized(square: ImageRGB) -> ImageRGB:
    interpolation = cv2.INTER_AREA if len(square) > INPUT_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(square), (INPUT_PX, INPUT_PX), interpolation=interpolation))
