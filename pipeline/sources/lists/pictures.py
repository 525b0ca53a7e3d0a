"""Folders of pictures of people: each picture is a clip of its own, of a person without sound.

Three kinds of name say who it is: ``first-last-3.jpg`` (Celeb-ID), a folder ``n000012`` (VGGFace2, whose table has the
names), or else a folder with the name.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.media import PICTURE
from pipeline.sources.lists.rows import item_id
from pipeline.sources.reading.found import Found
from pipeline.sources.reading.local_file import hash_file, is_plain_text

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_NUMBERED = re.compile(r"(.+)-\d+", re.ASCII)
_VGGFACE2_FOLDER = re.compile(r"n\d{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and who it shows."""

    path: Path
    within: str
    """The path within the folder of the list."""
    identity: str


def name_key(name: str) -> str:
    """Return what spellings of a name share: ``A.J._Buckley`` and ``aj-buckley`` give ``aj buckley``."""
    letters = [one for one in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(one)]
    return " ".join("".join(one if one.isalnum() else "" if one in ".'’" else " " for one in letters).split())


def pictures_in(folder: Path, below: Path, names: Mapping[str, str]) -> Iterator[Picture]:
    """Yield the pictures below a folder, in a fixed order; ``names``: those of VGGFace2 by id; of other ids none."""
    for within, folders, files in os.walk(below):
        folders.sort()
        for file in sorted(files):
            path = Path(within, file)
            if path.suffix.lower() not in SUFFIXES or not is_plain_text(str(path.relative_to(folder))):
                continue
            numbered = _NUMBERED.fullmatch(path.stem)
            if _VGGFACE2_FOLDER.fullmatch(path.parent.name):
                identity = names.get(path.parent.name)
            else:
                identity = numbered[1] if numbered else path.parent.name if path.parent != below else None
            if identity:
                yield Picture(path, path.relative_to(folder).as_posix(), identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a list says of a picture."""

    dataset: str
    identity: str
    licence: str
    split: str = ""


def clip_of(picture: Picture, published: Published) -> Found:
    """Return the clip of a picture, or why it is none."""
    clip_id = item_id(published.dataset, picture.within)
    content_hash = hash_file(picture.path)
    if isinstance(content_hash, Dropped):
        return clip_id, content_hash
    return Clip(
        clip_id=clip_id,
        dataset=published.dataset,
        identity=published.identity,
        address=picture.path.as_posix(),
        start_s=None,
        end_s=None,
        range_fps=None,
        **NO_CROP,
        media_kind=PICTURE,
        published_split=published.split,
        licence=published.licence,
        origin=picture.within,
        content_hash=content_hash,
    )
