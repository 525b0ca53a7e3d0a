"""Measure, in each half second of a track, how far its mouth moves as a voice of its own would make it move.

Over a whole track the correlation of mouth_sound.py tells whether a face speaks; these are sums in time, of which any
stretch can be made up, and they look at more of the mouth and more of the sound (mouth_model.py).
"""

from collections.abc import Sequence

import numpy as np

from pipeline.core.base.units import milliseconds
from pipeline.core.records.frame import Frame
from pipeline.core.records.track import Agreement
from pipeline.speaker.mouth_model import CONTEXT_STEPS, MOUTH_WEIGHTS, fast_bands, mouth_measures, predicted
from pipeline.speaker.mouth_sound import GRID_HZ, Floats, is_quiet
from pipeline.speaker.sound_bands import Bands

BIN_S = 0.5
LAGS_S = tuple(round(0.04 * n, 2) for n in range(-7, 8))
"""From where the clip is in step, at which mouth and sound are compared; a peak of the agreement is 0.1 s wide."""

_BIN_STEPS = round(BIN_S * GRID_HZ)


def agreement(
    frames: Sequence[Frame], loud: Floats, bands: Bands, out_of_step_s: float, min_loudness: float
) -> list[Agreement]:
    """Return the agreement of the mouth of one track's ``frames``, in time order, and the sound, by half second.

    ``loud`` (n,): as of ``loudness``; ``bands`` (n, N_BANDS): of the same sound; ``out_of_step_s``: by how much it
    comes late, to which LAGS_S are added. Half seconds begin at multiples of BIN_S. None where face and sound are not
    both there, or where the track's sound is never as loud as ``min_loudness``.
    """
    first, measures, covered = mouth_measures(frames, len(loud))
    if not covered.any() or is_quiet(loud[first:][: len(covered)][covered], min_loudness):
        return []
    lags = [round((out_of_step_s + lag_s) * GRID_HZ) for lag_s in LAGS_S]
    n = len(covered)
    around = np.arange(first + lags[0] + CONTEXT_STEPS[0], first + n + lags[-1] + CONTEXT_STEPS[-1])
    sound = predicted(fast_bands(bands[np.clip(around, 0, len(bands) - 1)]))
    if not sound.any():
        return []
    movement = measures @ MOUTH_WEIGHTS
    voices = [sound[lag - lags[0] :][:n] for lag in lags]
    numbers, starts = np.unique((first + np.arange(n)) // _BIN_STEPS, return_index=True)
    power = np.where(covered, np.square(voices[len(lags) // 2]).sum(axis=1), 0.0)
    covered_steps, powers = (np.add.reduceat(values, starts) for values in (covered.astype(float), power))
    products = np.stack([np.add.reduceat((movement * voice).sum(axis=1), starts) for voice in voices], axis=1)
    return [
        Agreement(
            agreement_id=f"{frames[0].track_id}-{milliseconds(number * BIN_S):08d}",
            clip_id=frames[0].clip_id,
            track_id=frames[0].track_id,
            start_s=float(number * BIN_S),
            covered_s=float(covered_steps[at]) / GRID_HZ,
            products=products[at].astype(np.float32),
            voice_power=float(powers[at]),
        )
        for at, number in enumerate(numbers.tolist())
    ]
