"""List the sequences of FaceForensics++ as ranges of the videos of YouTube they were extracted from.

The published videos have no sound, so pictures and sound are fetched anew. The folder holds conversion_dict.json
(number of a sequence -> id of the video, number of the sequence in it), the official splits train.json, val.json and
test.json (pairs of sequences), and downloaded_videos_info, which the authors give on application: for each video what
youtube-dl said of it, <id>/<id>.json, and for each sequence its frames, <id>/extracted_sequences/<number>.json,
counted from 0.

Nothing says who is seen: the published identity is the video's id, so that sequences of one video are of one person.
Two videos may show one person.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.sources.lists.rows import (
    ListedClip,
    ListReader,
    TimeRange,
    is_video_id,
    item_id,
    read_bytes,
    read_json,
    video_address,
)
from pipeline.sources.lists.settings import FaceForensicsSource
from pipeline.sources.reading.found import Found
from pipeline.sources.reading.local_file import shown

CONVERSION = "conversion_dict.json"
SPLITS = ("train", "val", "test")
LICENCE = "FaceForensics Terms of Use: research, by application; the video belongs to its uploader"
REMEDY = "frame_lists"
_INFO_FOLDERS = ("downloaded_videos_info", "downloaded_videos")
_SPLIT_FOLDERS = ("", "splits")
_SEQUENCE = re.compile(r"\d{3,6}", re.ASCII)
_NUMBER = re.compile(r"\d{1,4}", re.ASCII)
_MAX_INFO_BYTES = 16 << 20
_MAX_FPS = 240.0
_MAX_FRAME = 10_000_000


def list_clips(dataset: str, source: FaceForensicsSource) -> Iterator[Found]:
    """Yield a clip for each sequence whose frames are known, and a drop for each other row.

    Raises BadInput where conversion_dict.json or a split is missing or is no JSON of its form.
    """
    folder = Path(source.input)
    reader = ListReader(dataset, folder)
    sequences = _sequences(reader, folder)
    splits = _splits(reader, folder, sequences)
    _note_shared(reader, sequences, splits)
    for name, (video, number) in sequences.items():
        found = _range_of(folder, video, number, source)
        if isinstance(found, Dropped):
            yield item_id(dataset, name), found
            continue
        yield ListedClip(
            name=name,
            identity=video,
            address=video_address(video),
            origin=f"{CONVERSION} {name}",
            licence=LICENCE,
            range_s=found.range_s,
            range_fps=found.fps,
            split=splits.get(name, ""),
        ).in_dataset(dataset)
    yield from reader.drops


def files_read(source: FaceForensicsSource) -> list[Path]:
    """Return the files that the list is read from; raise BadInput where one of the repository is missing."""
    folder = Path(source.input)
    files = [_present(folder / CONVERSION), *(_split_file(folder, split) for split in SPLITS)]
    info = _info_folder(folder)
    for video in sorted({video for video, _ in _sequences(ListReader("", folder), folder).values()}):
        of_one = info / video
        if (of_one / f"{video}.json").is_file():
            files.append(of_one / f"{video}.json")
        files += sorted((of_one / "extracted_sequences").glob("*.json"))
    return files


def _sequences(reader: ListReader, folder: Path) -> dict[str, tuple[str, str]]:
    """Return the video and the number in it of each sequence."""
    content = read_json(_present(folder / CONVERSION))
    if not isinstance(content, dict) or not content:
        raise BadInput(f"{folder / CONVERSION}: expected the videos of sequences by their numbers")
    sequences: dict[str, tuple[str, str]] = {}
    for name, value in content.items():
        words = value.split(" ") if isinstance(value, str) else []
        if _SEQUENCE.fullmatch(name) and len(words) == 2 and is_video_id(words[0]) and _NUMBER.fullmatch(words[1]):
            sequences[name] = (words[0], words[1])
        else:
            found = shown(f"{name}: {value}"[:80])
            detail = f"{CONVERSION}: expected a number, an id of YouTube and a number in the video, found '{found}'"
            reader.drop(f"{CONVERSION} {name[:40]}", "bad_row", detail)
    return sequences


def _splits(reader: ListReader, folder: Path, sequences: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return the official split of each sequence; of one that is in two splits none."""
    found: dict[str, set[str]] = defaultdict(set)
    for split in SPLITS:
        file = _split_file(folder, split)
        pairs = read_json(file)
        if not isinstance(pairs, list):
            raise BadInput(f"{file}: expected pairs of sequences")
        for number, pair in enumerate(pairs, start=1):
            where = f"{file.name} pair {number}"
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
                reader.drop(where, "bad_row", f"{where}: expected two sequences, found '{shown(str(pair)[:80])}'")
                continue
            for name in pair:
                if name in sequences:
                    found[name].add(split)
                else:
                    reader.drop(where, "no_address", f"{where}: {CONVERSION} has no sequence '{shown(name[:40])}'")
    for name, splits in found.items():
        if len(splits) > 1:
            reader.drop(f"{name}-split", "two_splits", f"sequence {name} is in {' and '.join(sorted(splits))}")
    return {name: next(iter(splits)) for name, splits in found.items() if len(splits) == 1}


def _note_shared(reader: ListReader, sequences: dict[str, tuple[str, str]], splits: dict[str, str]) -> None:
    """Note each video whose sequences are in several official splits."""
    of_video: dict[str, dict[str, str]] = defaultdict(dict)
    for name, (video, _) in sequences.items():
        if name in splits:
            of_video[video][name] = splits[name]
    for video, of_sequences in of_video.items():
        if len(set(of_sequences.values())) > 1:
            told = ", ".join(f"{name} ({split})" for name, split in of_sequences.items())
            detail = f"{video} has sequences in several official splits: {told}; they are of one published identity"
            reader.leave_out(f"{video}-split", "in_two_splits", detail)


@dataclass(frozen=True, slots=True)
class _Frames:
    range_s: TimeRange
    fps: float | None


def _range_of(folder: Path, video: str, number: str, source: FaceForensicsSource) -> _Frames | Dropped:
    """Return the range of a sequence in seconds, and by which rate its frames were counted."""
    info = _info_folder(folder) / video
    frames = info / "extracted_sequences" / f"{number}.json"
    if not frames.exists():
        if source.without_frames == "whole_video":
            return _Frames((None, None), None)
        detail = f"{_INFO_FOLDERS[0]}/{video}/extracted_sequences/{number}.json is not there: the authors give it"
        return Dropped.waiting("no_frames", detail, remedy=REMEDY)
    first_last = _first_and_last(_json_or_none(frames))
    if first_last is None:
        return Dropped.failed("bad_frames", f"{frames.name} of {video}: expected the numbers of consecutive frames")
    fps = _fps(_json_or_none(info / f"{video}.json"))
    if fps is None:
        detail = f"{video}/{video}.json: expected a frame rate 'fps' above 0 and at most {_MAX_FPS:g}"
        return Dropped.failed("no_fps", detail)
    first, last = first_last
    return _Frames((first / fps, (last + 1) / fps), fps)


def _json_or_none(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path, _MAX_INFO_BYTES))
    except (BadInput, ValueError, RecursionError):
        return None


def _first_and_last(content: Any) -> tuple[int, int] | None:
    """Return the first and the last of consecutive frames; None for anything else."""
    if not isinstance(content, list) or not content or not all(type(one) is int for one in content):
        return None
    first, last = content[0], content[-1]
    is_consecutive = len(content) == last - first + 1 and all(one == first + n for n, one in enumerate(content))
    return (first, last) if is_consecutive and first >= 0 and last <= _MAX_FRAME else None


def _fps(content: Any) -> float | None:
    fps = content.get("fps") if isinstance(content, dict) else None
    if isinstance(fps, bool) or not isinstance(fps, int | float):
        return None
    return float(fps) if 0 < fps <= _MAX_FPS else None


def _info_folder(folder: Path) -> Path:
    return next((folder / name for name in _INFO_FOLDERS if (folder / name).is_dir()), folder / _INFO_FOLDERS[0])


def _split_file(folder: Path, split: str) -> Path:
    places = [folder / name / f"{split}.json" for name in _SPLIT_FOLDERS]
    return _present(next((one for one in places if one.exists()), places[0]))


def _present(path: Path) -> Path:
    if not path.exists():
        raise BadInput(f"{path}: expected a list file of FaceForensics++, found none")
    return path
