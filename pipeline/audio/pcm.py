"""From a float waveform to the 16-bit samples on which voice detectors and mel floors are defined."""

from typing import cast

import numpy as np

from pipeline.core.base.arrays import Samples, Waveform, WaveformInt16

FULL_SCALE = 32_768
LOWEST, HIGHEST = -FULL_SCALE, FULL_SCALE - 1


def to_int16(samples: Samples) -> WaveformInt16:
    """Return a waveform times 32768, rounded; int16 as it is. What lies outside [-1, 1) is clipped, NaN becomes 0."""
    if samples.dtype == np.int16:
        return cast("WaveformInt16", samples)
    scaled: Waveform = np.multiply(samples, np.float32(FULL_SCALE), dtype=np.float32)
    np.rint(scaled, out=scaled)
    np.clip(scaled, LOWEST, HIGHEST, out=scaled)
    scaled[np.isnan(scaled)] = 0.0
    return scaled.astype(np.int16)


def from_int16(samples: WaveformInt16) -> Waveform:
    """Return ``samples`` over 32768; ``to_int16`` inverts this exactly."""
    return np.multiply(samples, np.float32(1 / FULL_SCALE), dtype=np.float32)
