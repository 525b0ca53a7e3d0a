"""Compute the log-mel feature, or the drop reason, of each segment of a waveform."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.audio.logmel import log_mel, pad_frames
from pipeline.audio.pcm import FULL_SCALE, HIGHEST, LOWEST, to_int16
from pipeline.audio.profiles import PROFILES, SAMPLE_RATE_HZ
from pipeline.audio.segment import Segment, cut
from pipeline.audio.settings import AudioParams
from pipeline.audio.vad import detector_of, voiced_samples
from pipeline.core.base.arrays import LogMel, Samples, WaveformInt16
from pipeline.core.base.outcome import Dropped

QUIETEST_DBFS = -120.0  # in place of minus infinity, the level of digital silence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentFeature:
    """The feature of one segment and what was measured of its sound."""

    start_s: float
    end_s: float
    """End of the segment's own sound: before ``start_s + segment_s`` only if it had to be repeated."""
    log_mel: LogMel
    n_valid_frames: int
    """Columns of ``log_mel`` that are sound; the rest is padding."""
    voiced_s: float
    """Voiced seconds in the whole segment, repeated sound counted."""
    level_dbfs: float
    """Root mean square of the segment over full scale; at least QUIETEST_DBFS."""
    clipped_share: float
    """Share of samples at either end of the 16-bit range."""


def segment_features(waveform: Samples, params: AudioParams) -> Iterator[tuple[float, SegmentFeature | Dropped]]:
    """Yield (start_s, feature or ``filtered: no_speech``) of every segment, in order of time."""
    return ((segment.start_s, segment_feature(segment, params)) for segment in cut(waveform, params))


def segment_feature(segment: Segment, params: AudioParams) -> SegmentFeature | Dropped:
    """Return the feature of one segment, or the reason why it has none."""
    profile = PROFILES[params.profile]
    samples = to_int16(segment.samples)
    voiced = voiced_samples(samples, detector_of(params))
    voiced_share = len(voiced) / len(samples)
    if len(voiced) == 0 or voiced_share < params.min_voiced_share:
        return Dropped.filtered("no_speech", f"{voiced_share:.3f} voiced, below {params.min_voiced_share:g}")
    feature = log_mel(samples[: segment.n_own_samples] if profile.keeps_unvoiced else voiced, profile)
    return SegmentFeature(
        start_s=segment.start_s,
        end_s=segment.end_s,
        log_mel=pad_frames(feature, params.n_frames, params.pad, profile.zero_level),
        n_valid_frames=min(feature.shape[1], params.n_frames),
        voiced_s=len(voiced) / SAMPLE_RATE_HZ,
        level_dbfs=level_dbfs(samples),
        clipped_share=clipped_share(samples),
    )


def level_dbfs(samples: WaveformInt16) -> float:
    """Return the root mean square of ``samples`` in decibels below full scale, at least QUIETEST_DBFS."""
    whole = samples.astype(np.float64)  # their squares, and the sum of up to 2 ** 23 of them, are exact
    mean_square = float(whole @ whole) / len(samples) / FULL_SCALE**2
    quietest = 10.0 ** (QUIETEST_DBFS / 10)
    return float(10 * np.log10(max(mean_square, quietest)))


def clipped_share(samples: WaveformInt16) -> float:
    """Return the share of ``samples`` at either end of the 16-bit range."""
    n_clipped = np.count_nonzero(samples == LOWEST) + np.count_nonzero(samples == HIGHEST)
    return float(n_clipped / len(samples))
