"""Made-up sound in bands, and mouths that move as the model says a voice moves them."""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records.frame import Frame
from pipeline.speaker.mouth_model import CONTEXT_STEPS, MEASURES, MOUTH_WEIGHTS, fast_bands, predicted
from pipeline.speaker.mouth_sound import GRID_HZ
from pipeline.speaker.sound_bands import N_BANDS, Bands
from tests.face.faces import frame

REST = np.array([0.3, 0.8, 0.3, 0.7, 0.2])


def babble(seed: int, duration_s: float) -> Bands:
    """Return bands whose sounds last a tenth of a second, each band by itself."""
    draw = np.random.default_rng(seed)
    noise = draw.random((round(duration_s * GRID_HZ) + 9, N_BANDS))
    smooth = np.apply_along_axis(np.convolve, 0, noise, np.hanning(9), mode="valid")
    return np.asarray(smooth, np.float32)


def movements_of(bands: Bands) -> NDArray[np.float64]:
    """Return (n, 2): what the model predicts at each step."""
    reach = CONTEXT_STEPS[-1]
    return predicted(fast_bands(np.pad(bands, ((reach, reach), (0, 0)), mode="edge")))


def speaking(bands: Bands, *, late_s: float = 0.0, noise: float = 0.0, seed: int = 0) -> list[Frame]:
    """Return a track at 25 fps whose mouth moves as ``bands`` say, which come ``late_s`` later."""
    steps = np.arange(len(bands))
    moved = movements_of(bands) @ np.linalg.pinv(MOUTH_WEIGHTS)
    moved += noise * moved.std() * np.random.default_rng(seed).standard_normal(moved.shape)
    times = np.arange(0, (len(bands) - 1) / GRID_HZ, 0.04)
    at = (times + late_s) * GRID_HZ
    measures = REST + 0.5 * np.stack([np.interp(at, steps, one) for one in moved.T], axis=1)
    return [
        frame(n, float(times[n]), **dict(zip(MEASURES, map(float, measures[n]), strict=True)))
        for n in range(len(times))
    ]
