"""Measure how well a face's mouth correlates with the sound of its clip.

Opening lips let out more sound, above all around the second formant, so that a mouth and the loudness of its voice
rise and fall together (Grant and Seitz 2000, J. Acoust. Soc. Am. 108, 1197). Pauses and phrases of two persons often
coincide, their syllables do not: both series are high-pass filtered at the rate of syllables, and then correlated.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.pcm import from_int16
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import WaveformInt16
from pipeline.core.records.frame import Frame
from pipeline.face.tracking.settings import DetectParams

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Fixed: how av_zscore is distributed by chance, and so the meaning of min_av_zscore, was measured with these.
GRID_HZ = 50  # mouth and sound are compared at the times step / GRID_HZ
BAND_HZ = (600.0, 3000.0)  # where loudness follows the lips; below lie the pitch and most of the first formant
SLOW_S = 0.1  # std of the Gaussian mean that is subtracted: what remains is faster than about 2 Hz
MAX_STDS = 2.5  # values further out are clipped: one outlier of the landmarks, or one bang, must not decide
# Of a mouth's measures while it rests: its height, in interocular distances, and its change from shut.
JITTER = (0.01, 0.03)
MAX_GAP_S = 0.15  # between two frames, and still interpolated linearly
# By which the longest lag's av_correlation is weighted down. Of 36 real clips of one talker the lags are -0.06 to
# 0.12 s and twice 0.2 s, but for two that are out of step; those of other persons' sound are all lags alike.
FAR_COST = 0.5
MEMORY_S = 1.0  # longest lag of an autocorrelation

_BLOCK_SAMPLES = SAMPLE_RATE_HZ // 100  # four blocks of 10 ms lie around each step's time
_BLOCKS_A_STEP = 100 // GRID_HZ
_PIECE_SAMPLES = 10 * SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class MouthSound:
    """How well one track's mouth correlates with the sound; all but ``av_covered_s`` are None without enough of both.

    ``av_covered_s``: for how many seconds both are there.
    ``av_correlation``: correlation of the mouth's movement and loudness at the best lag, -1 to 1; 0 of a mouth at rest.
    ``av_lag_s``: that lag, seconds from the mouth to the sound.
    ``av_zscore``: ``av_correlation``, times the lag's weight, over the standard deviation of the correlation of
    unrelated series as long and as smooth. Of unrelated ones, the median is 1.6, the 90 % quantile 2.4.
    """

    av_covered_s: float
    av_correlation: float | None = None
    av_lag_s: float | None = None
    av_zscore: float | None = None


def loudness(pieces: Iterable[WaveformInt16]) -> Floats:
    """Return the root mean square of a clip's sound in BAND_HZ, (n,) from 0 up, in the 40 ms around each step's time.

    ``pieces``: the sound, one after another; 1 is full scale. No more than a piece is kept in memory.
    """
    powers = np.concatenate([np.zeros(2), *_block_powers(_longer(pieces)), np.zeros(2)])
    around = np.lib.stride_tricks.sliding_window_view(powers, 4)[::_BLOCKS_A_STEP]
    return np.asarray(np.sqrt(around.mean(axis=1)))


def _longer(pieces: Iterable[WaveformInt16]) -> Iterator[WaveformInt16]:
    """Join pieces to some seconds each: filtering many short ones costs more."""
    waiting: list[WaveformInt16] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= _PIECE_SAMPLES:
            yield np.concatenate(waiting)
            waiting = []
    if any(map(len, waiting)):
        yield np.concatenate(waiting)


def _block_powers(pieces: Iterable[WaveformInt16]) -> Iterator[Floats]:
    """Yield the mean power of each whole block of 10 ms."""
    from scipy.signal import butter, sosfilt

    sections = butter(4, BAND_HZ, "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    state = np.zeros((len(sections), 2))
    rest = np.zeros(0)
    for piece in pieces:
        band, state = sosfilt(sections, from_int16(piece), zi=state)
        band = np.concatenate([rest, band])
        whole = len(band) // _BLOCK_SAMPLES * _BLOCK_SAMPLES
        yield np.square(band[:whole]).reshape(whole // _BLOCK_SAMPLES, _BLOCK_SAMPLES).mean(axis=1)
        rest = band[whole:]


def mouth_sound(frames: Sequence[Frame], loud: Floats, params: DetectParams) -> MouthSound:
    """Return how well the mouth of one track's ``frames``, in time order, correlates with its clip's ``loudness``.

    Lags up to ``max_av_lag_s`` from ``usual_av_lag_s`` are tried. There is no result where face and sound are both
    there for less than ``min_av_covered_s``, or where that sound is never as loud as ``min_av_loudness``.

    A mouth's movement is the fast part of its height, of its change from shut, or of both, as landmarks and grey values
    fail in different frames. The one with the greatest av_zscore counts. av_correlation = cov(movement, loud) /
    std(loud), of fast parts. By chance its standard deviation is sqrt((1 + 2 sum over k of r_movement(k) r_loud(k)) /
    n), with n values and autocorrelations r (Bartlett 1946, J. R. Stat. Soc. Suppl. 8, 27). A lag's weight is
    1 - FAR_COST ((lag - usual_av_lag_s) / max_av_lag_s)^2.
    """
    first, measures, covered = mouth_on_grid(frames, len(loud))
    av_covered_s = float(covered.sum()) / GRID_HZ
    is_short = not covered.any() or av_covered_s < params.min_av_covered_s
    if is_short or is_quiet(loud[first:][: len(covered)][covered], params.min_av_loudness):
        return MouthSound(av_covered_s=av_covered_s)
    usual_s, furthest_s = params.usual_av_lag_s, params.max_av_lag_s
    lags = np.arange(round((usual_s - furthest_s) * GRID_HZ), round((usual_s + furthest_s) * GRID_HZ) + 1)
    weights = 1 - FAR_COST * ((lags / GRID_HZ - usual_s) / furthest_s) ** 2
    steps = np.arange(first + lags[0], first + lags[-1] + len(covered))
    sound = fast_part(loud[np.clip(steps, 0, len(loud) - 1)])
    voices = [centred(sound[start:][: len(covered)], covered) for start in range(len(lags))]
    found = [_best_lag(movement, voices, weights, int(covered.sum())) for movement in movements(measures, covered)]
    av_zscore, av_correlation, best = max(found)
    return MouthSound(
        av_covered_s=av_covered_s,
        av_correlation=av_correlation,
        av_lag_s=float(lags[best]) / GRID_HZ,
        av_zscore=av_zscore,
    )


def is_quiet(loud: Floats, min_loudness: float) -> bool:
    """Return whether ``loud`` (n,), of which there is some, is hardly ever as loud as ``min_loudness``."""
    return bool(np.quantile(loud, 0.95) < min_loudness)


def mouth_on_grid(
    frames: Sequence[Frame], n_steps: int, names: Sequence[str] = ("mouth_height", "mouth_from_shut")
) -> tuple[int, list[Floats], Flags]:
    """Return a track's first step, from there on the columns ``names`` of its frames, and where they are valid."""
    times = np.array([frame.time_s for frame in frames])
    first, last = (round(time_s * GRID_HZ) for time_s in (times[0], times[-1]))
    grid = np.clip(np.arange(first, min(last + 1, n_steps)) / GRID_HZ, times[0], times[-1])
    after = np.searchsorted(times, grid)
    covered = np.diff(times, prepend=times[0])[after] <= MAX_GAP_S
    return first, [np.interp(grid, times, [getattr(frame, name) for frame in frames]) for name in names], covered


def movements(measures: Sequence[Floats], covered: Flags) -> list[Floats]:
    """Return the fast part of each measure, and of their sum; their standard deviation is 1, or less at rest."""
    alone = [centred(fast_part(one), covered) for one in measures]
    alone = [one / np.hypot(_std(one, covered), rest) for one, rest in zip(alone, JITTER, strict=True)]
    together = np.sum(alone, axis=0)
    mean_std, std = np.mean([_std(one, covered) for one in alone]), _std(together, covered)
    return [*alone, together * (mean_std / std if std else 0.0)]


def _std(centred: Floats, covered: Flags) -> float:
    return float(np.sqrt(centred @ centred / covered.sum()))


def fast_part(series: Floats, slow_s: float = SLOW_S) -> Floats:
    """Return the part of ``series`` that changes from syllable to syllable, clipped at MAX_STDS from 0."""
    from scipy.ndimage import gaussian_filter1d

    fast = series - gaussian_filter1d(series, slow_s * GRID_HZ, mode="nearest")
    most = MAX_STDS * fast.std()
    return np.asarray(np.clip(fast, -most, most))


def centred(series: Floats, covered: Flags) -> Floats:
    """Return ``series`` less its mean where ``covered``, and 0 elsewhere."""
    return np.asarray(np.where(covered, series - series[covered].mean(), 0.0))


def _best_lag(movement: Floats, voices: Sequence[Floats], weights: Floats, n: int) -> tuple[float, float, int]:
    """Return av_zscore and av_correlation at the lag with the greatest weighted correlation, and its index."""
    correlations = np.array([_correlation(movement, voice, n) for voice in voices])
    best = int(np.argmax(weights * correlations))
    av_zscore = float((weights * correlations)[best]) / _std_by_chance(movement, voices[best], n)
    return av_zscore, float(correlations[best]), best


def _correlation(movement: Floats, voice: Floats, n: int) -> float:
    scale = np.sqrt(n * (voice @ voice))
    return float(movement @ voice / scale) if scale else 0.0


def _std_by_chance(movement: Floats, voice: Floats, n: int) -> float:
    """Return the standard deviation of the correlation of two unrelated series like these."""
    return float(np.sqrt(variance_factor(movement, voice) / n))


def variance_factor(movement: Floats, voice: Floats) -> float:
    """Return by how much the variance of the correlation of two unrelated series like these exceeds 1 / n, from 1 up.

    Each of its n values is alike its neighbours in both series.
    """
    both = _autocorrelation(movement), _autocorrelation(voice)
    n_lags = min(map(len, both))
    return max(1.0, 1 + 2 * float(both[0][:n_lags] @ both[1][:n_lags]))


def _autocorrelation(series: Floats) -> Floats:
    """Return the correlation of ``series`` with itself 1, 2, ... steps later, up to MEMORY_S."""
    furthest = min(round(MEMORY_S * GRID_HZ), len(series) - 1)
    products = [series[:-lag] @ series[lag:] for lag in range(1, furthest + 1)]
    return np.array(products) / max(float(series @ series), 1e-300)
