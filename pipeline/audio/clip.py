"""Cut a clip's sound into segments and turn each into a log-mel."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.extract import joined, of_sound
from pipeline.audio.features import SegmentFeature, segment_features
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.reading import SoundRange
from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.units import milliseconds, samples_in
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.segment import Segment
from pipeline.video.clip import MediaClip


@dataclass(frozen=True, slots=True)
class AudioItem:
    """The item of the audio step: a clip, the intervals of its main subject's tracks, and its out_of_step_s."""

    clip: MediaClip
    seen_s: tuple[tuple[float, float], ...]
    out_of_step_s: float = 0.0

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result."""
        return (*self.clip.content, str(self.seen_s), str(self.out_of_step_s))

    def correction_s(self, params: AudioParams) -> float:
        """Return by how much later than the picture the sound is taken, seconds; negative: earlier."""
        return self.out_of_step_s if params.out_of_step == "correct" else 0.0


def segment_clip(item: AudioItem, folder: Path, *, params: AudioParams) -> list[Segment | LedgerRow] | Dropped:
    """Return a clip's segments, and a ledger row for each that was dropped; or the reason why there is none at all."""
    del folder
    clip = item.clip
    if not clip.has_audio:
        return Dropped.filtered("no_audio", "the media has no sound")
    if item.out_of_step_s and params.out_of_step == "filter":
        return Dropped.filtered("out_of_step", f"the sound is {item.out_of_step_s:+.2f} s late")
    try:
        waveform, channel = _sound(item, params)
    except BadMedia as error:
        return Dropped.failed(error.reason, error.detail)
    found = segment_features(waveform, params)
    offset_s = clip.start_s or 0.0
    kept = [
        _segment(item, feature, offset_s, params, channel)
        for _, feature in found
        if isinstance(feature, SegmentFeature)
    ]
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


def covered_share(start_s: float, end_s: float, intervals_s: Iterable[tuple[float, float]]) -> float:
    """Return the share of [start_s, end_s] that lies in ``intervals_s``, which hardly overlap, 0-1."""
    if end_s <= start_s:
        return 0.0
    covered_s = sum(max(0.0, min(end_s, last_s) - max(start_s, first_s)) for first_s, last_s in intervals_s)
    return min(1.0, covered_s / (end_s - start_s))


def _sound(item: AudioItem, params: AudioParams) -> tuple[Waveform, str]:
    """Return the sound of the clip's range, corrected where it is out of step, and which channel was read."""
    clip, late_s = item.clip, item.correction_s(params)
    start_s = (clip.start_s or 0.0) + late_s
    wanted = SoundRange(
        max_duration_s=params.max_duration_s,
        start_s=max(0.0, start_s),
        end_s=None if clip.end_s is None else clip.end_s + late_s,
        has_jumps=clip.has_jumps,
    )
    waveform, channel = of_sound(clip.path, wanted, joined)
    missing = np.zeros(samples_in(max(0.0, -start_s), SAMPLE_RATE_HZ), waveform.dtype)  # the file starts too late
    return np.concatenate([missing, waveform]), channel


def _segment(item: AudioItem, feature: SegmentFeature, offset_s: float, params: AudioParams, channel: str) -> Segment:
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
        face_seen_share=covered_share(start_s, end_s, item.seen_s),
        sound_channel=channel,
        av_correction_s=item.correction_s(params),
        profile=params.profile,
        n_mels=feature.log_mel.shape[0],
        n_frames=feature.log_mel.shape[1],
        log_mel=np.ascontiguousarray(feature.log_mel, np.float32).reshape(-1),
    )
