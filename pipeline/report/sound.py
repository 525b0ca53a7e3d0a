"""A few audio segments, each with its log-mel."""

import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.audio.extract import joined, of_sound
from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.reading import SoundRange
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetSegment
from pipeline.core.records.media import Media
from pipeline.core.records.person import TEST, TRAIN
from pipeline.core.records.segment import Segment
from pipeline.report.chosen import choose_from, read_payload, read_rows
from pipeline.report.inline import Picture, SizeBudget
from pipeline.report.pictures import inline_log_mel

_MOST_IN_ALL = 6
_MOST_S = 6.0
_SIZE_BUDGET = 2_200_000


@dataclass(frozen=True, slots=True)
class Sound:
    """A segment: its person, clip and time, its log-mel, and its sound, or the reason why it has none."""

    person: str
    split: str
    clip_id: str
    start_s: float
    end_s: float
    voiced_s: float
    log_mel: Picture | None
    data_url: str | None
    no_sound_reason: str


def read_sounds(at: Layout, datasets: Sequence[str]) -> list[Sound] | None:
    """Return a few segments of different persons of each dataset; None before the dataset is built."""
    if not at.dataset("audio").is_file():
        return None
    most = max(1, _MOST_IN_ALL // max(1, len(datasets)))
    chosen = [_of_both_splits(at, dataset, most) for dataset in datasets]
    segments = list(chain.from_iterable(chosen))[:_MOST_IN_ALL]
    columns = ["start_s", "end_s", "av_correction_s", "n_mels", "n_frames", "log_mel"]
    payload = read_payload(at.root, Segment, {one.segment_id: one.shard for one in segments}, columns)
    budget = SizeBudget(_SIZE_BUDGET)
    return [_sound(at, one, payload[one.segment_id], budget) for one in segments if one.segment_id in payload]


def _of_both_splits(at: Layout, dataset: str, most: int) -> list[DatasetSegment]:
    """Return ``most`` segments, up to half of them of test persons."""
    test = _of_split(at, dataset, TEST, most // 2)
    return _of_split(at, dataset, TRAIN, most - len(test)) + test


def _of_split(at: Layout, dataset: str, split: str, n: int) -> list[DatasetSegment]:
    return choose_from(at.dataset("audio"), DatasetSegment, {"dataset": dataset, "split": split}, n).rows


def _sound(at: Layout, segment: DatasetSegment, row: dict[str, Any], budget: SizeBudget) -> Sound:
    log_mel_MF = np.array(row["log_mel"], np.float32).reshape(row["n_mels"], row["n_frames"])
    valid_MF = log_mel_MF[:, : segment.n_valid_frames]
    alt = f"Log-mel of {segment.person_id}, {valid_MF.shape[1]} frames"
    try:
        data_url = budget.data_url(_wav(_cut(at, segment, row)), "audio/wav")
        no_sound_reason = "" if data_url else "Left out: the size limit of the page is reached."
    except BadMedia as error:
        data_url, no_sound_reason = None, f"No sound: {error.detail}."
    return Sound(
        person=segment.person_id,
        split=segment.split,
        clip_id=segment.clip_id,
        start_s=row["start_s"],
        end_s=row["end_s"],
        voiced_s=segment.voiced_s,
        log_mel=inline_log_mel(valid_MF, alt, budget),
        data_url=data_url,
        no_sound_reason=no_sound_reason,
    )


def _cut(at: Layout, segment: DatasetSegment, row: dict[str, Any]) -> Waveform:
    """Return the segment's sound, at most six seconds; raises BadMedia where the media is missing or ends before it."""
    path, has_jumps = _media(at, segment)
    start_s = row["start_s"] + row["av_correction_s"]
    wanted = SoundRange(
        max_duration_s=_MOST_S,
        start_s=max(0.0, start_s),
        end_s=min(row["end_s"] + row["av_correction_s"], start_s + _MOST_S),
        has_jumps=has_jumps,
    )
    cut, _ = of_sound(path, wanted, joined)
    if not len(cut):
        raise BadMedia("undecodable", "the media ends before the segment")
    return cut


def _media(at: Layout, segment: DatasetSegment) -> tuple[Path, bool]:
    """Return the path of the segment's media, and its ``has_jumps``."""
    for row in read_rows(at.media(segment.dataset), Media, [segment.clip_id], ["path", "has_jumps"]):
        if (at.root / row["path"]).is_file():
            return at.root / str(row["path"]), bool(row["has_jumps"])
    raise BadMedia("gone", "the media file is missing")


def _wav(waveform: Waveform) -> bytes:
    """Return ``waveform`` as a WAV file, 16 bits, 16 kHz, mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes(to_int16(waveform).astype("<i2").tobytes())
    return file.getvalue()
