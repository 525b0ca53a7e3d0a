"""A clip: a range of talking-face video as a source lists it, before its media is fetched."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from pipeline.core.records.schema import column

MAX_NAME_LENGTH = 80
HASH_LENGTH = 16
SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
HASH_ENDING = re.compile(r"-x[0-9a-f]{16}")
_PART_ENDING = re.compile(r"-p[0-9]{3,}$")


class PublishedCrop(NamedTuple):
    """The box in which a list says that a clip's person is seen, in pixels of a video ``height_px`` high.

    It may be a tight box of a face or one with a margin, and may reach beyond the picture. Pixels are those of the
    picture as a viewer sees it. A list that has shares of the width and the height states ``width_px`` too: then widths
    count by it, whatever shape the picture has.
    """

    x: int
    y: int
    w: int
    h: int
    height_px: int
    width_px: int | None = None

    def in_heights(self, aspect: float) -> tuple[float, float, float, float]:
        """Return x, y, w, h in heights of a picture that is ``aspect`` times as wide as high."""
        across = self.height_px if self.width_px is None else self.width_px / aspect
        return self.x / across, self.y / self.height_px, self.w / across, self.h / self.height_px


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One row of ``manifests/sets/<dataset>/clips.parquet``, and of ``listed.parquet``, where none is in parts yet."""

    clip_id: str = column("id and sort key: <dataset>/<clip>; of a part of a longer clip <dataset>/<clip>-p<number>")
    dataset: str = column("name of the dataset, as in params.yaml")
    identity: str = column("who speaks, as published; unique within the dataset")
    address: str = column("what to fetch: URL, file (absolute or from the repository root), synthetic:...")
    start_s: float | None = column("start of the clip within the media, seconds; null: from its beginning")
    end_s: float | None = column("end of the clip within the media, seconds, not in it; null: to its end")
    range_fps: float | None = column(
        "the rate, 1/s, by which a list's numbers of frames became start_s and end_s; null: the list has seconds"
    )
    crop_x: int | None = column("published crop, left edge, pixels of a video crop_height_px high; or null")
    crop_y: int | None = column("published crop, top edge, pixels of a video crop_height_px high")
    crop_w: int | None = column("published crop, width, pixels of a video crop_height_px high")
    crop_h: int | None = column("published crop, height, pixels of a video crop_height_px high")
    crop_height_px: int | None = column("height of the video for which the crop was published, pixels")
    crop_width_px: int | None = column(
        "width of that video, where the list has shares of width and height; null: widths count as heights do"
    )
    media_kind: str | None = column(
        "what the list promises: 'video', 'picture' or 'sound'; of a video that is listed as 'sound' the picture is "
        "not looked at; null: no promise",
        default=None,
    )
    published_split: str = column("the part of its list that a clip is in, e.g. train, val, test, dev; may be empty")
    licence: str = column("terms under which it is published, as the source states them; may be empty")
    origin: str = column("the list and line, the folder, or the generator that this row comes from")
    content_hash: str = column("sha256: of a local file's bytes; else of address, range and crop (see content_of)")

    @property
    def crop(self) -> PublishedCrop | None:
        """The published crop; None: none was published."""
        return crop_of([self.crop_x, self.crop_y, self.crop_w, self.crop_h, self.crop_height_px, self.crop_width_px])


NO_CROP: dict[str, None] = dict.fromkeys(("crop_x", "crop_y", "crop_w", "crop_h", "crop_height_px", "crop_width_px"))
"""The crop columns of a clip for which none was published."""


def crop_of(values: Sequence[int | None]) -> PublishedCrop | None:
    """Return the crop of the values of the columns NO_CROP; None: none was published."""
    known = [one for one in values[:-1] if one is not None]
    return PublishedCrop(*known)._replace(width_px=values[-1]) if len(known) == len(values) - 1 else None


def crop_columns(crop: PublishedCrop | None) -> dict[str, Any]:
    """Return the crop columns of a clip."""
    return dict.fromkeys(NO_CROP) if crop is None else dict(zip(NO_CROP, crop, strict=True))


def clip_name(text: str) -> str:
    """Return a safe id part for ``text``: 1-80 of A-Z a-z 0-9 . _ -, the first no dot.

    A text that is safe already stays as it is. To any other, also one that itself ends like that or like a part's,
    ``-x`` and 16 hexadecimal digits of its hash are appended, so that two texts, or a text and a part, never share one.
    """
    safe = SAFE_NAME.fullmatch(text) and len(text) <= MAX_NAME_LENGTH
    if safe and not HASH_ENDING.fullmatch(text[-HASH_LENGTH - 2 :]) and not _PART_ENDING.search(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[: MAX_NAME_LENGTH - HASH_LENGTH - 2]
    return f"{stem or 'clip'}-x{digest}"


def part_id(listed_id: str, number: int, n_parts: int) -> str:
    """Return the id of part ``number``, from 0, of a listed clip; in id order the parts are in time order."""
    return f"{listed_id}-p{number:0{max(3, len(str(n_parts - 1)))}d}"


def listed_id(clip_id: str) -> str:
    """Return the id of the listed clip that a clip is a part of, or its own; no listed clip's id ends like a part's."""
    return _PART_ENDING.sub("", clip_id)


def content_of(address: str, start_s: float | None, end_s: float | None, crop: PublishedCrop | None = None) -> str:
    """Return the sha256 of address, time range and published crop.

    For ``address`` a clip of a local file has that file's sha256. One crop for two heights of a video is one content.
    """
    text = f"{address}\n{start_s}\n{end_s}"
    if crop is not None:
        across = crop.height_px if crop.width_px is None else crop.width_px
        of_each = (across, crop.height_px, across, crop.height_px)
        text += "".join(f"\n{Fraction(value, size)}" for value, size in zip(crop[:4], of_each, strict=True))
        text += "" if crop.width_px is None else "\nof its width and height"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
