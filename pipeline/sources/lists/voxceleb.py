"""List the utterances of VoxCeleb 1 and 2 from their text files and the tables of their speakers.

An utterance is a file <...>/id10001/<id of the video>/00001.txt, below any folders: some lines on it, an empty line,
and a table of frames and boxes (FRAME X Y W H). Frames count 25 a second, whatever rate the video has. Boxes of the
first set are pixels of a video 360 high, those of the second are shares of the width and the height. The published
crop of a clip is the box around all of its boxes.

The published identity is the name that the tables have (speakers.py), else the id.

Lists that take sound alone take the file of an utterance's sound, where it is there, as VoxCeleb offers it:
<...>/id10001/<id of the video>/00001.wav or .m4a; else the sound of the video.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip, PublishedCrop
from pipeline.core.records.media import SOUND
from pipeline.sources.lists.rows import (
    ListedClip,
    ListReader,
    at_least_one,
    is_video_id,
    item_id,
    read_bytes,
    video_address,
)
from pipeline.sources.lists.settings import VoxCelebSource
from pipeline.sources.lists.speakers import Speaker, read_speakers, tables_in
from pipeline.sources.reading.found import Found
from pipeline.sources.reading.local_file import hash_file

FRAMES_PER_S = 25
LICENCE = "metadata of VoxCeleb: CC BY 4.0; the video belongs to its uploader"
_BOX_HEIGHT_PX = 360
_SHARES_PER_ONE = 10_000  # shares of the picture are whole numbers of this
_SPEAKER = re.compile(r"id\d{5}", re.ASCII)
_UTTERANCE = re.compile(r"\d{1,6}\.txt", re.ASCII)
_SOUND = re.compile(r"\d{1,6}\.(?:wav|m4a|aac|flac|mp3|ogg|opus)", re.ASCII)
_HEADER = ["FRAME", "X", "Y", "W", "H"]
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d*)?", re.ASCII)
_MAX_UTTERANCE_BYTES = 4 << 20  # about 40 minutes
_MAX_SHARE = 2.0  # no box of pixels is as small, and no share as large

_Row: TypeAlias = tuple[float, ...]
"""Frame, x, y, w, h."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The file of an utterance, its boxes or its sound: below which folder it is, of whom and of which video."""

    path: Path
    within: str
    """The path within the folder of the list."""

    @property
    def is_sound(self) -> bool:
        """Whether it is the sound."""
        return _SOUND.fullmatch(self.path.name) is not None

    @property
    def speaker_id(self) -> str:
        """The id of the speaker."""
        return self.path.parts[-3]

    @property
    def video(self) -> str:
        """The id of the video."""
        return self.path.parts[-2]

    @property
    def name(self) -> str:
        """Speaker, video and number, as VoxCeleb names an utterance."""
        return f"{self.speaker_id}-{self.video}-{self.path.stem}"

    @property
    def stem(self) -> str:
        """The same with underscores, as HQ-VoxCeleb names it."""
        return f"{self.speaker_id}_{self.video}_{self.path.stem}"


def list_clips(dataset: str, source: VoxCelebSource) -> Iterator[Found]:
    """Yield a clip for each utterance, and a drop for each file or row that is none; BadInput without an utterance."""
    folder = Path(source.input)
    reader = ListReader(dataset, folder)
    speakers = read_speakers(reader, folder)
    yield from reader.take_drops()
    for one in utterances_in(folder):
        clip = clip_of(reader, one, speakers.get(one.speaker_id))
        if clip is not None:
            yield clip.in_dataset(dataset)
        yield from reader.take_drops()


def files_read(source: VoxCelebSource) -> Iterator[Path]:
    """Yield the files that the list is read from; raise BadInput where there is no utterance."""
    yield from tables_in(Path(source.input))
    yield from (one.path for one in utterances_in(Path(source.input)))


def utterances_in(folder: Path) -> Iterator[Utterance]:
    """Yield the files of utterances below ``folder``, in a fixed order; raise BadInput where there is none."""
    expected = f"{folder}: expected files of utterances, such as txt/id10001/<video>/00001.txt"
    return at_least_one(utterances_below(folder), expected)


def utterances_below(folder: Path) -> Iterator[Utterance]:
    """Yield the files of utterances below ``folder``, if there are any, in a fixed order."""
    return _files_below(folder, _UTTERANCE)


def heard_below(folder: Path) -> Iterator[Utterance]:
    """Yield one file of each utterance below ``folder``, if there are any, in a fixed order: the sound comes first."""
    with_sound: set[str] = set()
    for one in _files_below(folder, _SOUND):
        if one.stem not in with_sound:
            with_sound.add(one.stem)
            yield one
    yield from (one for one in utterances_below(folder) if one.stem not in with_sound)


def heard_in(folder: Path) -> Iterator[Utterance]:
    """Yield what ``heard_below`` does; raise BadInput where there is nothing."""
    files = "txt/id10001/<video>/00001.txt or wav/id10001/<video>/00001.wav"
    return at_least_one(heard_below(folder), f"{folder}: expected utterances, such as {files}")


def _files_below(folder: Path, pattern: re.Pattern[str]) -> Iterator[Utterance]:
    for within, folders, files in os.walk(folder):
        folders.sort()
        path = Path(within)
        if not (_SPEAKER.fullmatch(path.parent.name) and is_video_id(path.name)):
            continue
        for name in sorted(files):
            if pattern.fullmatch(name):
                yield Utterance(path / name, (path / name).relative_to(folder).as_posix())


def clip_of(reader: ListReader, utterance: Utterance, speaker: Speaker | None) -> ListedClip | None:
    """Return the clip of an utterance; None where its file can't be read: then it is dropped."""
    try:
        text = read_bytes(utterance.path, _MAX_UTTERANCE_BYTES).decode("utf-8", "replace")
    except BadInput as error:
        reader.drop(utterance.name, "unreadable", str(error))
        return None
    rows = _rows_of(text)
    if not rows:
        detail = f"{utterance.within}: expected a line 'FRAME X Y W H' and rows of numbers of growing frames"
        reader.drop(utterance.name, "bad_row", detail)
        return None
    crop = _crop_around(rows)
    if crop is None:
        detail = f"{utterance.within}: no boxes in a picture; the clip has no published crop"
        reader.drop(f"{utterance.name}-crop", "bad_crop", detail)
    return ListedClip(
        name=utterance.name,
        identity=(speaker and speaker.name) or utterance.speaker_id,
        address=video_address(utterance.video),
        origin=utterance.within,
        licence=LICENCE,
        range_s=(rows[0][0] / FRAMES_PER_S, (rows[-1][0] + 1) / FRAMES_PER_S),
        crop=crop,
        split=speaker.set_name if speaker else "",
    )


def sound_of(dataset: str, reader: ListReader, utterance: Utterance, speaker: Speaker | None) -> Found | None:
    """Return the clip of an utterance's sound alone, in ``dataset``, or its drop; None as ``clip_of``.

    Of a file of boxes it is the sound of the video in that time.
    """
    if not utterance.is_sound:
        listed = clip_of(reader, utterance, speaker)
        return None if listed is None else replace(listed, crop=None, media_kind=SOUND).in_dataset(dataset)
    content_hash = hash_file(utterance.path)
    if isinstance(content_hash, Dropped):
        return item_id(dataset, utterance.name), content_hash
    return Clip(
        clip_id=item_id(dataset, utterance.name),
        dataset=dataset,
        identity=(speaker and speaker.name) or utterance.speaker_id,
        address=utterance.path.as_posix(),
        start_s=None,
        end_s=None,
        range_fps=None,
        **NO_CROP,
        media_kind=SOUND,
        published_split=speaker.set_name if speaker else "",
        licence=LICENCE,
        origin=utterance.within,
        content_hash=content_hash,
    )


def _rows_of(text: str) -> list[_Row] | None:
    """Return frame, x, y, w, h of each row of the table; None where one can't be read, or frames do not follow."""
    lines = iter(text.splitlines())
    if next((line for line in lines if line.split() == _HEADER), None) is None:
        return None
    rows: list[_Row] = []
    for line in lines:
        words = line.split()
        if not words:
            break
        if len(words) != len(_HEADER) or not all(map(_NUMBER.fullmatch, words)) or not words[0].isdecimal():
            return None
        frame = int(words[0])
        if rows and frame <= rows[-1][0]:
            return None
        rows.append((frame, *map(float, words[1:])))
    return rows


def _crop_around(rows: list[_Row]) -> PublishedCrop | None:
    """Return the box around all boxes; None where one has no size, or all are outside of the picture."""
    left, top = min(row[1] for row in rows), min(row[2] for row in rows)
    right, bottom = max(row[1] + row[3] for row in rows), max(row[2] + row[4] for row in rows)
    if min(min(row[3:]) for row in rows) <= 0:
        return None
    is_share = max(max(row[3:]) for row in rows) <= _MAX_SHARE
    scale, height = (_SHARES_PER_ONE, 1.0) if is_share else (1, float(_BOX_HEIGHT_PX))
    if right <= 0 or bottom <= 0 or top >= height or (is_share and left >= 1):
        return None
    x, y = int(left * scale // 1), int(top * scale // 1)
    w, h = -int(-right * scale // 1) - x, -int(-bottom * scale // 1) - y
    return PublishedCrop(x, y, w, h, *((_SHARES_PER_ONE,) * 2 if is_share else (_BOX_HEIGHT_PX,)))
