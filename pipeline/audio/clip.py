"""Cut a clip's sound into segments and turn each into a log-mel."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.extract import extract_waveform
from pipeline.audio.features import SegmentFeature, segment_features
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.settings import AudioParams
from pipeline.base.arrays import Waveform
from pipeline.base.errors import BadMedia
from pipeline.base.outcome import Dropped
from pipeline.base.units import milliseconds, samples_in
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.records.segment import Segment
from pipeline.video.clip import MediaClip


@dataclass(frozen=True, slots=True)
class AudioItem:
    """The item of the audio step: a clip, and the interval of its main track (None: it has none)."""

    clip: MediaClip
    main_track_s: tuple[float, float] | None

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result."""
        return (*self.clip.content, str(self.main_track_s))


def segment_clip(item: AudioItem, folder: Path, *, params: AudioParams) -> list[Segment | LedgerRow] | Dropped:
    """Return a clip's segments, and a ledger row for each that was dropped; or the reason why there is none at all."""
    del folder
    clip = item.clip
    if not clip.has_audio:
        return Dropped.filtered("no_audio", "the media has no sound")
    try:
        waveform = extract_waveform(clip.path, max_duration_s=params.max_duration_s)
    except BadMedia as error:
        return Dropped.failed(error.reason, error.detail)
    found = segment_features(_within(waveform, clip), params)
    offset_s = clip.start_s or 0.0
    kept = [_segment(item, feature, offset_s, params) for _, feature in found if isinstance(feature, SegmentFeature)]
    dropped = [
        ledger_row("audio", segment_id(clip.clip_id, start_s + offset_s), end)
        for start_s, end in found
        if isinstance(end, Dropped)
    ]
    if not kept:
        return Dropped.filtered("no_speech", f"none of {len(found)} segments has enough voice")
    return [*kept, *dropped]


def segment_id(clip_id: str, start_s: float) -> str:
    """Return the id of the segment of ``clip_id`` that starts at ``start_s``."""
    return f"{clip_id}-a{milliseconds(start_s):08d}"


def covered_share(start_s: float, end_s: float, interval_s: tuple[float, float] | None) -> float:
    """Return the share of [start_s, end_s] that lies in ``interval_s``, 0-1."""
    if interval_s is None or end_s <= start_s:
        return 0.0
    return max(0.0, min(end_s, interval_s[1]) - max(start_s, interval_s[0])) / (end_s - start_s)


def _within(waveform: Waveform, clip: MediaClip) -> Waveform:
    first = samples_in(clip.start_s, SAMPLE_RATE_HZ) if clip.start_s else 0
    last = samples_in(clip.end_s, SAMPLE_RATE_HZ) if clip.end_s is not None else None
    return waveform[first:last]


def _segment(item: AudioItem, feature: SegmentFeature, offset_s: float, params: AudioParams) -> Segment:
    start_s, end_s = feature.start_s + offset_s, feature.end_s + offset_s
    return Segment(
        segment_id=segment_id(item.clip.clip_id, start_s),
        clip_id=item.clip.clip_id,
        start_s=start_s,
        end_s=end_s,
        voiced_s=feature.voiced_s,
        n_valid_frames=feature.n_valid_frames,
        level_dbfs=feature.level_dbfs,
        clipped_share=feature.clipped_share,
        face_seen_share=covered_share(start_s, end_s, item.main_track_s),
        profile=params.profile,
        n_mels=feature.log_mel.shape[0],
        n_frames=feature.log_mel.shape[1],
        log_mel=np.ascontiguousarray(feature.log_mel, np.float32).reshape(-1),
    )
