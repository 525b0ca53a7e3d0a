"""Cut a clip's sound into segments and turn each into a log-mel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import numpy as np

from pipeline.audio.extract import joined_int16, of_sound
from pipeline.audio.features import SegmentFeature, segment_features
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.reading import SoundRange
from pipeline.audio.segment import (
    WHOLE_CLIP,
    HeardTurn,
    Interval,
    JoinedTurns,
    StretchShares,
    joined_turns,
    shares_within,
)
from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import WaveformInt16
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.units import milliseconds, samples_in
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.media import PICTURE, SOUND
from pipeline.core.records.segment import Segment
from pipeline.video.clip import MediaClip


@dataclass(frozen=True, slots=True)
class HeardSubject:
    """A subject of a clip: the intervals of its tracks, and its turns."""

    subject_id: str
    seen_s: tuple[Interval, ...]
    turns: tuple[HeardTurn, ...]


@dataclass(frozen=True, slots=True)
class AudioItem:
    """The item of the audio step: a clip, its subjects, the main one first, its out_of_step_s, what sounds in it.

    No subjects: no face of the clip is that of the person whom its source names.
    """

    clip: MediaClip
    subjects: tuple[HeardSubject, ...]
    out_of_step_s: float = 0.0
    stretches: tuple[StretchShares, ...] = ()

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result."""
        return (*self.clip.content, str(self.subjects), str(self.out_of_step_s), str(self.stretches))

    def correction_s(self, params: AudioParams) -> float:
        """Return by how much later than the picture the sound is taken, seconds; negative: earlier."""
        return self.out_of_step_s if params.out_of_step == "correct" else 0.0


def segment_clip(item: AudioItem, folder: Path, *, params: AudioParams) -> list[Segment | LedgerRow] | Dropped:
    """Return a clip's segments, and a ledger row for each that was dropped; or the reason why there is none at all."""
    del folder
    clip = item.clip
    if clip.kind == PICTURE:
        return Dropped.filtered("no_audio", "the media is a still picture")
    if not item.subjects:
        return Dropped.filtered("not_in_crop", "no face is seen in the published crop, whose person the sound would be")
    if not clip.has_audio:
        return Dropped.filtered("no_audio", "the media has no sound")
    if item.out_of_step_s and params.out_of_step == "filter":
        return Dropped.filtered("out_of_step", f"the sound is {item.out_of_step_s:+.2f} s late")
    try:
        waveform, channel = sound_of_range(
            clip,
            clip.start_s or 0.0,
            clip.end_s,
            late_s=item.correction_s(params),
            max_duration_s=params.max_duration_s,
        )
    except BadMedia as error:
        return Dropped.failed(error.reason, error.detail)
    subjects = _subjects_heard(item, params)
    if not subjects:
        return Dropped.filtered("other_voice", "no voice is that of a subject whose sound is taken")
    kept: list[Segment] = []
    dropped: list[LedgerRow] = []
    for subject in subjects:
        for sound in joined_turns(waveform, clip.start_s or 0.0, subject.turns, join=params.join_turns):
            for start_s, end in segment_features(sound.waveform, params):
                if isinstance(end, SegmentFeature):
                    kept.append(_segment(item, subject, end, sound, params, channel))
                else:
                    (_, (media_s, _)), *_ = sound.parts(start_s, inf)
                    dropped.append(ledger_row("audio", segment_id(clip.clip_id, media_s), end))
    if not kept:
        return Dropped.filtered("no_speech", f"none of {len(dropped)} segments has enough voice")
    return [*kept, *dropped]


def _subjects_heard(item: AudioItem, params: AudioParams) -> list[HeardSubject]:
    """Return the subjects with turns; the main one with all sound of the clip where the params say so."""
    if params.sound_of == "clip":
        return [replace(item.subjects[0], turns=(WHOLE_CLIP,))]
    return [one for one in item.subjects if one.turns]


def segment_id(clip_id: str, start_s: float) -> str:
    """Return the id of the segment of ``clip_id`` that starts at ``start_s``."""
    return f"{clip_id}-a{milliseconds(start_s):08d}"


def seen_share(parts_s: Sequence[Interval], seen_s: Iterable[Interval]) -> float:
    """Return the share of ``parts_s`` together that lies in the intervals ``seen_s``, which hardly overlap, 0-1."""
    length_s = sum(end_s - start_s for start_s, end_s in parts_s)
    if length_s <= 0:
        return 0.0
    both = ((part, seen) for seen in seen_s for part in parts_s)
    covered_s = sum(max(0.0, min(part[1], seen[1]) - max(part[0], seen[0])) for part, seen in both)
    return min(1.0, covered_s / length_s)


def sound_of_range(
    clip: MediaClip, start_s: float, end_s: float | None, *, late_s: float, max_duration_s: float
) -> tuple[WaveformInt16, str]:
    """Return the sound of a clip's media that belongs to its picture from ``start_s`` to ``end_s``, or to the end.

    It is read ``late_s`` later than the picture; sample 0 belongs to ``start_s``, and what would lie before the file is
    silent. Besides: which channel was read. Raises BadMedia as :func:`of_sound` does.
    """
    wanted = SoundRange(
        max_duration_s=max_duration_s,
        start_s=max(0.0, start_s + late_s),
        end_s=None if end_s is None else end_s + late_s,
        has_jumps=clip.has_jumps,
    )
    waveform, channel = of_sound(clip.path, wanted, joined_int16)
    if n_missing := samples_in(max(0.0, -start_s - late_s), SAMPLE_RATE_HZ):  # the file starts too late
        waveform = np.concatenate([np.zeros(n_missing, waveform.dtype), waveform])
    return waveform, channel


def _segment(
    item: AudioItem,
    subject: HeardSubject,
    feature: SegmentFeature,
    sound: JoinedTurns,
    params: AudioParams,
    channel: str,
) -> Segment:
    parts = sound.parts(feature.start_s, feature.end_s)
    start_s, end_s = parts[0][1][0], parts[-1][1][1]
    intervals_s = [interval_s for _, interval_s in parts]
    overlap_share, music_share = shares_within(intervals_s, item.stretches)
    odds = [turn.log_odds for turn, _ in parts if turn.log_odds is not None]
    return Segment(
        segment_id=segment_id(item.clip.clip_id, start_s),
        clip_id=item.clip.clip_id,
        subject_id=subject.subject_id,
        start_s=start_s,
        end_s=end_s,
        voiced_s=feature.voiced_s,
        n_valid_frames=feature.n_valid_frames,
        level_dbfs=feature.level_dbfs,
        clipped_share=feature.clipped_share,
        face_seen_share=None if item.clip.kind == SOUND else seen_share(intervals_s, subject.seen_s),
        n_turns=len(parts),
        skipped_s=max(0.0, end_s - start_s - sum(last_s - first_s for _, (first_s, last_s) in parts)),
        turn_log_odds=min(odds, default=None),
        overlap_share=overlap_share,
        music_share=music_share,
        sound_channel=channel,
        av_correction_s=item.correction_s(params),
        profile=params.profile,
        n_mels=feature.log_mel.shape[0],
        n_frames=feature.log_mel.shape[1],
        log_mel=np.ascontiguousarray(feature.log_mel, np.float32).reshape(-1),
    )
