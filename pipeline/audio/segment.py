"""Cut sound into the segments whose features are computed."""

from dataclasses import dataclass

import numpy as np

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.units import samples_in


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One piece of sound; ``end_s`` is the end of its own sound, before any repetition."""

    start_s: float
    end_s: float
    samples: Waveform

    @property
    def n_own_samples(self) -> int:
        """Samples before any repetition."""
        return round((self.end_s - self.start_s) * SAMPLE_RATE_HZ)


def cut(waveform: Waveform, params: AudioParams) -> list[Segment]:
    """Return the full pieces of ``segment_s``, one every ``segment_step_s``; a shorter remainder is dropped.

    Sound shorter than one segment is repeated until it fills it and gives one (paper: "shorter recordings
    repeated to at least 6 s"). Empty sound has none.
    """
    n_samples = samples_in(params.segment_s, SAMPLE_RATE_HZ)
    if len(waveform) < n_samples:
        return [_repeated(waveform, n_samples)] if len(waveform) else []
    step = samples_in(params.segment_step_s, SAMPLE_RATE_HZ)
    starts = range(0, len(waveform) - n_samples + 1, step)
    return [_piece(waveform, start, start + n_samples) for start in starts]


def _piece(waveform: Waveform, start: int, end: int) -> Segment:
    return Segment(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, waveform[start:end])


def _repeated(waveform: Waveform, n_samples: int) -> Segment:
    return Segment(0.0, len(waveform) / SAMPLE_RATE_HZ, np.resize(waveform, n_samples))
