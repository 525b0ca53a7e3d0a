"""What the movement of a mouth is, and what a voice predicts of it.

A mouth has two movements, weighted sums of five measures of it; the sound in bands predicts each, by a weighted sum of
what sounds up to 0.12 s before and after. They are the two pairs of weighted sums that correlate best in people who
talk (canonical correlation analysis; Hotelling 1936, Biometrika 28, 321), by 0.54 and 0.34.

The weights were fitted by ``python -m benchmarks.mouth_model`` to 37 clips of 31 real persons, 7.7 minutes in all, cut
to parts of 4 s. Each person counted for no more than ten seconds, and the clips were first shifted to where their
mouths fit their voices best, as recordings are not all in step.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records.frame import Frame
from pipeline.speaker.mouth_sound import Flags, Floats, centred, fast_part, mouth_on_grid
from pipeline.speaker.sound_bands import Bands

MEASURES = ("mouth_height", "mouth_width", "nose_to_lip", "lip_to_chin", "mouth_from_shut")
# Of each measure while the mouth rests.
JITTER = (0.01, 0.01, 0.01, 0.01, 0.03)
SLOW_S = 0.15  # as of mouth_sound.py; slower movements tell voices apart too
CONTEXT_STEPS = (-6, -3, 0, 3, 6)
# Of a band over the mean of all: a steady noise's changes are no speech.
FLAT = 0.1

MOUTH_WEIGHTS: NDArray[np.float64] = np.array(
    (
        (1.15, -0.12),  # mouth_height
        (-0.26, 0.80),  # mouth_width
        (0.64, -0.69),  # nose_to_lip
        (0.29, -0.29),  # lip_to_chin
        (0.37, 0.14),  # mouth_from_shut
    )
)
"""(measures, 2): from the fast parts of MEASURES, of standard deviation 1, to the two movements."""

SOUND_WEIGHTS: NDArray[np.float64] = np.stack(
    [
        (
            (0.043, -0.097, 0.018, -0.037, -0.023, -0.017),
            (-0.027, -0.027, 0.005, -0.016, 0.015, -0.103),
            (-0.142, 0.222, 0.068, 0.039, 0.176, -0.172),
            (-0.124, 0.366, 0.050, 0.063, 0.215, -0.151),
            (-0.064, 0.089, -0.045, 0.058, 0.063, -0.075),
        ),
        (
            (0.061, -0.003, -0.017, -0.034, 0.034, -0.052),
            (0.050, -0.048, -0.000, 0.032, 0.015, -0.021),
            (-0.030, -0.089, -0.063, 0.183, 0.002, 0.110),
            (-0.051, -0.072, -0.104, 0.205, -0.009, 0.176),
            (-0.048, -0.024, -0.047, 0.049, -0.012, 0.121),
        ),
    ],
    axis=2,
)
"""(context, bands, 2): from the fast parts of the bands, of standard deviation 1, at CONTEXT_STEPS, to the same two."""


def mouth_measures(frames: Sequence[Frame], n_steps: int) -> tuple[int, Floats, Flags]:
    """Return a track's first step, from there on the fast part of MEASURES, (n, 5), and where they are valid.

    Their standard deviation is 1, or less at rest.
    """
    first, measures, covered = mouth_on_grid(frames, n_steps, MEASURES)
    if not covered.any():
        return first, np.zeros((len(covered), len(MEASURES))), covered
    fast = np.stack([centred(fast_part(one, SLOW_S), covered) for one in measures], axis=1)
    stds = np.sqrt(np.square(fast).sum(axis=0) / covered.sum())
    return first, fast / np.hypot(stds, JITTER), covered


def fast_bands(bands: Bands) -> Floats:
    """Return the fast part of ``bands`` (n, bands), n > 0; standard deviation 1, or less of steady sound."""
    level = float(bands.mean())
    if not level:
        return np.zeros(bands.shape)
    fast = np.stack([fast_part(one, SLOW_S) for one in bands.T.astype(np.float64) / level], axis=1)
    fast -= fast.mean(axis=0)
    return np.asarray(fast / np.hypot(fast.std(axis=0), FLAT))


def predicted(fast: Floats, weights: NDArray[np.float64] = SOUND_WEIGHTS) -> Floats:
    """Return (n - 12, 2): the movements that (n, bands) predicts, from the first step that has all its context on."""
    n = len(fast) - CONTEXT_STEPS[-1] + CONTEXT_STEPS[0]
    parts = (
        fast[step - CONTEXT_STEPS[0] :][:n] @ of_step for step, of_step in zip(CONTEXT_STEPS, weights, strict=True)
    )
    return np.asarray(sum(parts))
