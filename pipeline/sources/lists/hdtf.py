"""List the clips of HDTF from the text files of its repository, folder HDTF_dataset.

Three groups, RD (radio), WDA and WRA (weekly addresses), each of four files: addresses, time ranges, crops, and the
heights of the videos for which crops were published. Clip i of a video is its i-th range, from 0; without a usable
crop it is a clip all the same. What is missing in one of the files, or can't be read, has a row in the ledger.

Who speaks is the name of a video without its last digits, which number the videos of one person. The names of RD are
numbers alone: there each video is a person.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.records.clip import PublishedCrop
from pipeline.sources.lists.rows import ListedClip, ListReader, plain_address
from pipeline.sources.lists.settings import HdtfSource
from pipeline.sources.reading.found import Found

GROUPS = ("RD", "WDA", "WRA")
ADDRESSES, TIMES, HEIGHTS, CROPS = "video_url.txt", "annotion_time.txt", "resolution.txt", "crop_wh.txt"
LICENCE = "lists of HDTF: CC BY 4.0; the video belongs to its uploader"
_GROUP_WITHOUT_NAMES = "RD"
_TIME_RANGE = re.compile(r"(\d{1,4}):([0-5]\d)-(\d{1,4}):([0-5]\d)", re.ASCII)
_PIXELS = re.compile(r"-?\d{1,5}", re.ASCII)
_CROP_VALUES = 4


def list_clips(dataset: str, source: HdtfSource) -> Iterator[Found]:
    """Yield a clip for each time range, a drop for each row that is none; raise BadInput where a file is missing."""
    first_of: dict[str, str] = {}
    for group in _groups_in(Path(source.input)):
        one = _Group(dataset, Path(source.input), group)
        yield from one.clips(first_of)
        yield from one.reader.drops


def files_read(source: HdtfSource) -> list[Path]:
    """Return the files that the list is read from; raise BadInput where one is missing."""
    folder = Path(source.input)
    return [folder / f"{group}_{kind}" for group in _groups_in(folder) for kind in (ADDRESSES, TIMES, HEIGHTS, CROPS)]


def person_of(name: str) -> str:
    """Return the name of a video without its last digits."""
    return name.rstrip("0123456789") or name


def _groups_in(folder: Path) -> list[str]:
    groups = [group for group in GROUPS if (folder / f"{group}_{ADDRESSES}").exists()]
    if not groups:
        raise BadInput(f"{folder}: expected the list files of HDTF, such as {GROUPS[0]}_{ADDRESSES}, found none")
    files = [f"{group}_{kind}" for group in groups for kind in (TIMES, HEIGHTS, CROPS)]
    missing = [name for name in files if not (folder / name).exists()]
    if missing:
        raise BadInput(f"{folder}: expected also {', '.join(missing)}, found none")
    return groups


@dataclass
class _Video:
    address: str
    origin: str
    ranges: dict[int, tuple[float, float]] = field(default_factory=dict)


class _Group:
    """The four files of one group."""

    def __init__(self, dataset: str, folder: Path, group: str) -> None:
        self.reader = ListReader(dataset, folder)
        self._dataset, self._group = dataset, group

    def clips(self, first_of: dict[str, str]) -> Iterator[Found]:
        """Yield the clips; ``first_of``: of each address the first video that has it, of all groups so far."""
        videos = self._videos(first_of)
        self._add_ranges(videos)
        crops = self._crops(videos)
        for name, video in videos.items():
            for number, range_s in video.ranges.items():
                stem = f"{name}_{number}"
                if stem not in crops:
                    detail = f"{self._group}_{CROPS} has no line of {stem}: the clip has no published crop"
                    self.reader.drop(self._crop_name(stem), "no_crop", detail)
                yield ListedClip(
                    name=f"{self._group}_{stem}",
                    identity=name if self._group == _GROUP_WITHOUT_NAMES else person_of(name),
                    address=video.address,
                    origin=video.origin,
                    licence=LICENCE,
                    range_s=range_s,
                    crop=crops.get(stem),
                ).in_dataset(self._dataset)

    def _videos(self, first_of: dict[str, str]) -> dict[str, _Video]:
        videos: dict[str, _Video] = {}
        for line in self.reader.lines(f"{self._group}_{ADDRESSES}"):
            words = line.words
            address = plain_address(words[1]) if len(words) == 2 else None
            if address is None:
                self.reader.bad_row(line, "a name and an address")
            elif words[0] in videos:
                self.reader.drop(line.origin, "duplicate_name", f"{line.origin}: '{words[0]}' is there already")
            else:
                videos[words[0]] = _Video(address, line.origin)
                video = f"{self._group}_{words[0]}"
                first = first_of.setdefault(address, video)
                if first != video:
                    detail = (
                        f"{line.origin}: {address} is that of {first} too: it is fetched once, for the clips of both"
                    )
                    self.reader.leave_out(f"{video}-address", "same_address", detail)
        return videos

    def _add_ranges(self, videos: dict[str, _Video]) -> None:
        seen = set()
        for line in self.reader.lines(f"{self._group}_{TIMES}"):
            name, *ranges = line.words
            name = name.removesuffix(".mp4")
            if name not in videos:
                self.reader.drop(line.origin, "no_address", f"{line.origin}: '{name}' has no address")
                continue
            if name in seen:
                self.reader.drop(line.origin, "duplicate_name", f"{line.origin}: '{name}' is there already")
                continue
            seen.add(name)
            for number, text in enumerate(ranges):
                range_s = _seconds(text)
                if range_s is None:
                    detail = f"{line.origin}: expected a range such as 01:05-02:30, found '{text[:40]}'"
                    self.reader.drop(f"{self._group}_{name}_{number}", "bad_range", detail)
                else:
                    videos[name].ranges[number] = range_s
        for name, video in videos.items():
            if name not in seen:
                detail = f"{video.origin}: {self._group}_{TIMES} has no time range of '{name}'"
                self.reader.drop(f"{self._group}_{name}", "no_range", detail)

    def _heights(self) -> dict[str, int]:
        heights: dict[str, int] = {}
        for line in self.reader.lines(f"{self._group}_{HEIGHTS}"):
            words = line.words
            if len(words) != 2 or not _PIXELS.fullmatch(words[1]):
                self.reader.bad_row(line, "a name and a height in pixels")
            else:
                heights.setdefault(words[0].removesuffix(".mp4"), int(words[1]))
        return heights

    def _crops(self, videos: dict[str, _Video]) -> dict[str, PublishedCrop | None]:
        """Return the crop of each clip that has a line, None where it is not usable."""
        heights = self._heights()
        crops: dict[str, PublishedCrop | None] = {}
        for line in self.reader.lines(f"{self._group}_{CROPS}"):
            words = line.words
            if len(words) != 1 + _CROP_VALUES or not all(map(_PIXELS.fullmatch, words[1:])):
                self.reader.bad_row(line, "a clip and x, width, y, height in pixels")
                continue
            stem = words[0].removesuffix(".mp4")
            name, _, number = stem.rpartition("_")
            if name not in videos or number not in map(str, videos[name].ranges):
                self.reader.drop(line.origin, "no_range", f"{line.origin}: '{stem}' has no time range")
                continue
            if stem in crops:
                self.reader.drop(line.origin, "duplicate_name", f"{line.origin}: '{stem}' is there already")
                continue
            x, width, y, height = map(int, words[1:])
            crops[stem] = crop = _crop(PublishedCrop(x, y, width, height, heights.get(name, 0)))
            if crop is None:
                of = f"for a video {heights[name]} px high" if name in heights else f"without a line in {HEIGHTS}"
                detail = (
                    f"{line.origin}: no box in a picture: {' '.join(words[1:])} {of}; the clip has no published crop"
                )
                self.reader.drop(self._crop_name(stem), "bad_crop", detail)
        return crops

    def _crop_name(self, stem: str) -> str:
        return f"{self._group}_{stem}-crop"


def _seconds(text: str) -> tuple[float, float] | None:
    """Return the start and the end of MM:SS-MM:SS; None where it is no range."""
    found = _TIME_RANGE.fullmatch(text)
    if not found:
        return None
    start_min, start_s, end_min, end_s = map(int, found.groups())
    start, end = 60.0 * start_min + start_s, 60.0 * end_min + end_s
    return (start, end) if start < end else None


def _crop(crop: PublishedCrop) -> PublishedCrop | None:
    """Return ``crop``; None where it can't be a box in a picture of its height, whose width is not known."""
    is_box = min(crop.w, crop.h, crop.height_px) > 0
    return crop if is_box and crop.x + crop.w > 0 and crop.y + crop.h > 0 and crop.y < crop.height_px else None
