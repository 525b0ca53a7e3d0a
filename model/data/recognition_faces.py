"""Faces to train a face recognition network on: person, origin, and the picture, read on access."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pipeline.base.arrays import FramesRGB, ImageRGB
from pipeline.base.errors import BadInput
from pipeline.base.images import read_picture_file
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

    def read(self, row: int) -> ImageRGB | None:
        """Return a (224, 224, 3) face; None when its picture can't be read."""


@dataclass(frozen=True, slots=True)
class StoredFaces:
    """Faces as an array (N, 224, 224, 3) uint8, in memory or a map of a file."""

    persons: Sequence[str]
    origins: Sequence[str]
    images: FramesRGB

    def read(self, row: int) -> ImageRGB:
        """Return the face."""
        image: ImageRGB = self.images[row]
        return image


@dataclass(frozen=True, slots=True)
class FolderFaces:
    """Faces as picture files, each an origin of its own; memory holds only their paths."""

    persons: Sequence[str]
    origins: Sequence[str]
    """The pictures' paths."""

    def read(self, row: int) -> ImageRGB | None:
        """Return the face cropped as published for VGGFace2."""
        picture = read_picture_file(Path(self.origins[row]))
        return None if picture is None else published_crop(picture)


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

    JPEG and PNG files, sorted; names that start with a dot are skipped. Raises BadInput when there is no such
    folder, or none with a picture.
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
    return FolderFaces(persons, paths)


def published_crop(picture: ImageRGB) -> ImageRGB:
    """Return (224, 224, 3): the middle of the picture resized to a shorter side of 256 (Cao et al. 2018, section V).

    The pictures are already the face's box extended by 0.3. The crop comes before the resize: else a long narrow
    picture would grow without bound.
    """
    height, width = picture.shape[:2]
    side = max(1, round(min(height, width) * INPUT_PX / SHORTER_SIDE_PX))
    top, left = (height - side) // 2, (width - side) // 2
    return _resized(picture[top : top + side, left : left + side])


def _resized(square: ImageRGB) -> ImageRGB:
    interpolation = cv2.INTER_AREA if len(square) > INPUT_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(square), (INPUT_PX, INPUT_PX), interpolation=interpolation))
