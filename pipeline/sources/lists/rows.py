"""What published lists have in common: bounded text files, rows that end as clips or drops, addresses of YouTube."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, PublishedCrop, clip_name, content_of, crop_columns
from pipeline.core.records.media import VIDEO
from pipeline.sources.reading.found import Drop
from pipeline.sources.reading.local_file import is_plain_text, open_regular, shown

MAX_LIST_BYTES = 64 << 20  # the longest of these files has a tenth of that
_MAX_LINE_CHARS = 1 << 13
_MAX_SHOWN_CHARS = 200
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_VIDEO_ADDRESS = re.compile(
    r"https?://(?:(?:www\.|m\.)?youtube\.com/(?:watch\?(?:\S*&)?v=|embed/|v/|shorts/)|youtu\.be/)"
    r"([A-Za-z0-9_-]{11})(?:[?&#/]\S*)?"
)
_ADDRESS = re.compile(r"https?://[^\s/]+\.[^\s/]+/\S*")

Item = TypeVar("Item")

TimeRange: TypeAlias = tuple[float | None, float | None]
"""Start and end, seconds; None: from the beginning, or to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedClip:
    """A row of a published list that is a clip."""

    name: str
    """Unique within the list."""
    identity: str
    address: str
    origin: str
    licence: str
    range_s: TimeRange = (None, None)
    range_fps: float | None = None
    crop: PublishedCrop | None = None
    split: str = ""
    media_kind: str = VIDEO

    def in_dataset(self, dataset: str) -> Clip:
        """Return the clip as one of ``dataset``."""
        start_s, end_s = self.range_s
        return Clip(
            clip_id=item_id(dataset, self.name),
            dataset=dataset,
            identity=self.identity,
            address=self.address,
            start_s=start_s,
            end_s=end_s,
            range_fps=self.range_fps,
            **crop_columns(self.crop),
            media_kind=self.media_kind,
            published_split=self.split,
            licence=self.licence,
            origin=self.origin,
            content_hash=content_of(self.address, start_s, end_s, self.crop),
        )


def item_id(dataset: str, name: str) -> str:
    """Return the id of a clip, or of another row of a list."""
    return f"{dataset}/{clip_name(name)}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a list file that has any text, without outer spaces."""

    origin: str
    """The file and the number of the line, from 1."""
    text: str

    @property
    def words(self) -> list[str]:
        """What spaces or tabs separate."""
        return self.text.split()


class ListReader:
    """The text files of one folder, and the drops of what in them is not used."""

    def __init__(self, dataset: str, folder: Path) -> None:
        self.drops: list[Drop] = []
        self._dataset, self._folder = dataset, folder

    def drop(self, name: str, reason: str, detail: str) -> None:
        """Note why a row can't be used."""
        self.drops.append((item_id(self._dataset, name), Dropped.failed(reason, detail)))

    def leave_out(self, name: str, reason: str, detail: str) -> None:
        """Note what is not followed on purpose."""
        self.drops.append((item_id(self._dataset, name), Dropped.filtered(reason, detail)))

    def take_drops(self) -> list[Drop]:
        """Return the drops so far, and forget them."""
        taken, self.drops = self.drops, []
        return taken

    def bad_row(self, line: Line, expected: str) -> None:
        """Note a line in which something else was expected."""
        found = shown(line.text[:_MAX_SHOWN_CHARS])
        self.drop(line.origin, "bad_row", f"{line.origin}: expected {expected}, found '{found}'")

    def lines(self, name: str) -> Iterator[Line]:
        """Yield the lines of a text file, with or without a byte order mark; raise BadInput where it can't be read.

        A line that is too long, or no UTF-8, is dropped.
        """
        content = read_bytes(self._folder / name).removeprefix(_BYTE_ORDER_MARK)
        for number, raw in enumerate(content.splitlines(), start=1):
            line = Line(f"{name} line {number}", raw.decode("utf-8", "surrogateescape").strip())
            if len(line.text) > _MAX_LINE_CHARS:
                self.bad_row(line, f"at most {_MAX_LINE_CHARS} characters")
            elif not is_plain_text(line.text.replace("\t", " ")):
                self.bad_row(line, "text in UTF-8 without control characters")
            elif line.text:
                yield line


def at_least_one(items: Iterable[Item], expected: str) -> Iterator[Item]:
    """Yield ``items``; where there is none, raise BadInput: which folder, and what was ``expected`` in it."""
    is_empty = True
    for one in items:
        is_empty = False
        yield one
    if is_empty:
        raise BadInput(f"{expected}, found none")


def video_address(video_id: str) -> str:
    """Return the whole address of a video of YouTube; an id may begin with a hyphen."""
    return f"https://www.youtube.com/watch?v={video_id}"


def is_video_id(text: object) -> bool:
    """Return whether ``text`` has the form of an id of YouTube."""
    return isinstance(text, str) and _VIDEO_ID.fullmatch(text) is not None


def plain_address(text: str) -> str | None:
    """Return an address without what does not choose the video, such as ``&t=6s``; None: it is none.

    So each video of YouTube has one address, and is fetched once.
    """
    found = _VIDEO_ADDRESS.fullmatch(text)
    if found:
        return video_address(found[1])
    return text if _ADDRESS.fullmatch(text) else None


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; raise BadInput where it is none, or has a key twice."""
    try:
        return json.loads(read_bytes(path), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: expected JSON: {error}") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{shown(key[:_MAX_SHOWN_CHARS])}' is there twice")
        found[key] = value
    return found


def read_bytes(path: Path, most: int = MAX_LIST_BYTES) -> bytes:
    """Return the bytes of a regular file of at most ``most`` bytes; raise BadInput for anything else."""
    found = open_regular(path)
    if isinstance(found, Dropped):
        raise BadInput(f"{found.detail}: expected a list file")
    with os.fdopen(found, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise BadInput(f"{path}: expected a list file of at most {most} bytes, found more")
    return content
