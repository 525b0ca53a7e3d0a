"""Measure, in each half second of a track, how far its mouth moves as a voice of its own would make it move.

Over a whole track the correlation of mouth_sound.py tells whether a face speaks; these are its parts in time, of which
any stretch can be made up.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.core.base.units import milliseconds
from pipeline.core.records.frame import Frame
from pipeline.core.records.track import Agreement
from pipeline.speaker.mouth_sound import (
    GRID_HZ,
    Floats,
    centred,
    fast_part,
    is_quiet,
    mouth_on_grid,
    movements,
    variance_factor,
)

BIN_S = 0.5
LAGS_S = tuple(round(0.06 * n, 2) for n in range(-5, 6))
"""From the usual lag of the clip, at which mouth and sound are compared; a peak of the correlation is 0.16 s wide."""

_BIN_STEPS = round(BIN_S * GRID_HZ)


def agreement(frames: Sequence[Frame], loud: Floats, usual_lag_s: float, min_loudness: float) -> list[Agreement]:
    """Return the agreement of the mouth of one track's ``frames``, in time order, and the sound, by half second.

    ``loud`` (n,): as of ``loudness``; ``usual_lag_s``: from a mouth to its sound, to which LAGS_S are added. Half
    seconds begin at multiples of BIN_S. None where face and sound are not both there, or where the track's sound is
    never as loud as ``min_loudness``.
    """
    lags = [round((usual_lag_s + lag_s) * GRID_HZ) for lag_s in LAGS_S]
    first, measures, covered = mouth_on_grid(frames, len(loud))
    if not covered.any() or is_quiet(loud[first:][: len(covered)][covered], min_loudness):
        return []
    steps = first + np.arange(len(covered))
    sound = fast_part(loud[max(0, first + lags[0]) : first + len(covered) + lags[-1]])
    begin = max(0, first + lags[0])
    voices = [centred(sound[np.clip(steps + lag - begin, 0, len(sound) - 1)], covered) for lag in lags]
    usual = voices[len(lags) // 2]
    scale = float(np.sqrt(usual @ usual / covered.sum()))
    if not scale:
        return []
    voices, usual = [voice / scale for voice in voices], usual / scale
    movement = movements(measures, covered)[-1]
    numbers, starts = np.unique(steps // _BIN_STEPS, return_index=True)
    covered_steps, power = (np.add.reduceat(values, starts) for values in (covered.astype(float), usual * usual))
    products = np.stack([np.add.reduceat(movement * voice, starts) for voice in voices], axis=1)
    factor = variance_factor(movement, usual)
    return [
        Agreement(
            agreement_id=f"{frames[0].track_id}-{milliseconds(number * BIN_S):08d}",
            clip_id=frames[0].clip_id,
            track_id=frames[0].track_id,
            start_s=float(number * BIN_S),
            covered_s=float(covered_steps[n]) / GRID_HZ,
            products=products[n].astype(np.float32),
            voice_power=float(power[n]),
            variance_factor=factor,
        )
        for n, number in enumerate(numbers.tolist())
    ]
