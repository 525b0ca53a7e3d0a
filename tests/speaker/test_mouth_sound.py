"""A mouth correlates with the sound of its own voice, at the right lag; the main track is the speaker's."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.params import load_params
from pipeline.core.records.frame import Frame
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker import mouth_sound as module
from pipeline.speaker.mouth_sound import GRID_HZ, MouthSound, loudness, mouth_sound
from pipeline.synthetic.clip import sound_of
from pipeline.synthetic.plan import plan_clip
from pipeline.synthetic.script.spec import ClipSpec
from tests.face.faces import frame

Floats = NDArray[np.float64]

DETECT = load_params(DetectParams, "detect")


def syllables(seed: int, duration_s: float) -> Floats:
    """Return a made-up loudness: bumps of a tenth of a second, at random."""
    rng = np.random.default_rng(seed)
    bumps = np.convolve(rng.random(round(duration_s * GRID_HZ) + 1) < 0.15, np.hanning(9), mode="same")
    return np.asarray(0.001 + 0.1 * bumps)


def mouthing(loud: Floats, *, av_lag_s: float = 0.0, fps: float = 25.0, height: float = 0.2) -> list[Frame]:
    """Return a track whose mouth moves as ``loud`` does, the sound coming ``av_lag_s`` later."""
    times = np.arange(0, (len(loud) - 1) / GRID_HZ, 1 / fps)
    opening = np.interp(times + av_lag_s, np.arange(len(loud)) / GRID_HZ, loud / loud.max())
    heights, from_shut = 0.3 + height * opening, 0.2 + 10 * height * opening
    return [
        frame(n, float(times[n]), mouth_height=float(heights[n]), mouth_from_shut=float(from_shut[n]))
        for n in range(len(times))
    ]


def correlated(frames: list[Frame], loud: Floats, min_av_covered_s: float = 2.0) -> MouthSound:
    return mouth_sound(frames, loud, DETECT.model_copy(update={"min_av_covered_s": min_av_covered_s}))


def av_zscore(frames: list[Frame], loud: Floats) -> float:
    found = correlated(frames, loud).av_zscore
    assert found is not None
    return found


def loudness_of(sound: Waveform) -> Floats:
    return loudness([to_int16(sound)])


def tone(hz: float, seconds: float = 1.0) -> Waveform:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(seconds * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ)).astype(np.float32)


def test_loudness_is_the_root_mean_square_in_the_band() -> None:
    inner = slice(5, -5)
    assert loudness_of(tone(1500))[inner] == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    assert loudness_of(tone(100))[inner] == pytest.approx(0, abs=0.001)
    assert loudness_of(tone(7000))[inner] == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("n_samples", [0, 1, 159, 160, 16_000, 16_100])
def test_loudness_has_an_entry_for_each_fiftieth_second_that_has_begun(n_samples: int) -> None:
    assert len(loudness_of(np.zeros(n_samples, np.float32))) == n_samples // 160 // 2 + 1


def test_a_click_is_loudest_at_its_own_time() -> None:
    sound = np.zeros(SAMPLE_RATE_HZ, np.float32)
    sound[round(0.5 * SAMPLE_RATE_HZ) + 5] = 1.0
    assert loudness_of(sound).argmax() in (24, 25, 26)
    assert loudness_of(sound)[25] > 0.99 * loudness_of(sound).max()


def test_a_long_sound_is_filtered_in_pieces_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
    pieces = np.array_split(to_int16(noise), [100, 1_000, 1_055, 20_000])
    monkeypatch.setattr(module, "_PIECE_SAMPLES", 4_800)
    assert loudness(pieces) == pytest.approx(loudness_of(noise), rel=1e-9)


@pytest.mark.parametrize("fps", [22.13, 25.0, 29.97])
@pytest.mark.parametrize("av_lag_s", [-0.2, -0.1, 0.0, 0.06, 0.3])
def test_a_mouth_correlates_with_its_voice_at_the_lag_of_the_file(av_lag_s: float, fps: float) -> None:
    loud = syllables(1, 8.0)
    found = correlated(mouthing(loud, av_lag_s=av_lag_s, fps=fps), loud)
    assert found.av_lag_s == pytest.approx(av_lag_s, abs=0.011)
    assert found.av_correlation is not None and found.av_correlation > 0.9
    assert found.av_covered_s == pytest.approx(8.0, abs=0.1)


def test_a_voice_at_the_longest_lag_counts_half_of_one_at_the_usual_lag() -> None:
    loud = syllables(1, 8.0)
    usual_s, furthest_s = DETECT.usual_av_lag_s, DETECT.usual_av_lag_s + DETECT.max_av_lag_s
    usual, furthest = (av_zscore(mouthing(loud, av_lag_s=lag_s), loud) for lag_s in (usual_s, furthest_s))
    assert furthest / usual == pytest.approx(0.5, rel=0.05)


def test_slow_movements_of_mouth_and_loudness_count_for_nothing() -> None:
    loud = syllables(2, 10.0)
    times = np.arange(len(loud)) / GRID_HZ
    nodding = [
        replace(one, mouth_height=one.mouth_height + 0.3 * float(np.sin(one.time_s)))
        for one in mouthing(loud, av_lag_s=0.1)
    ]
    found = correlated(nodding, loud + 0.5 * (1 + np.cos(0.7 * times)))
    assert found.av_lag_s == pytest.approx(0.1)
    assert found.av_correlation is not None and found.av_correlation > 0.9


def noisy(frames: list[Frame], seed: int, height: float = 0.08) -> list[Frame]:
    """Return ``frames`` whose height and grey values are half noise, each its own."""
    noise = np.random.default_rng(seed).normal(0, height, (len(frames), 2))
    return [
        replace(one, mouth_height=one.mouth_height + up, mouth_from_shut=one.mouth_from_shut + 10 * far)
        for one, (up, far) in zip(frames, noise.tolist(), strict=True)
    ]


@pytest.mark.slow
def test_of_unrelated_mouths_one_in_ten_reaches_the_zscore_that_the_docstring_states() -> None:
    for duration_s in (4.0, 16.0):
        mouths = [noisy(mouthing(syllables(n, duration_s)), n) for n in range(200)]
        chance = [av_zscore(mouth, syllables(1000 + n, duration_s)) for n, mouth in enumerate(mouths)]
        assert np.quantile(chance, 0.5) == pytest.approx(1.6, abs=0.2)
        assert np.quantile(chance, 0.9) == pytest.approx(2.4, abs=0.2)


def test_the_zscore_of_a_voice_grows_with_the_root_of_its_length() -> None:
    def blurred(duration_s: float) -> float:
        loud = syllables(3, duration_s)
        return av_zscore(mouthing(loud + 0.1 * syllables(4, duration_s)), loud)

    assert blurred(32.0) / blurred(8.0) == pytest.approx(2, rel=0.15)


def test_what_either_landmarks_or_grey_values_miss_the_other_shows() -> None:
    loud, rng = syllables(11, 8.0), np.random.default_rng(0)
    frames = mouthing(loud, av_lag_s=0.1)
    blurred = [replace(one, mouth_from_shut=float(rng.normal(1, 0.5))) for one in frames]
    drifted = [replace(one, mouth_height=float(rng.normal(0.3, 0.1))) for one in frames]
    for failed in (blurred, drifted):
        assert av_zscore(failed, loud) == pytest.approx(av_zscore(frames, loud), rel=0.1)
        assert correlated(failed, loud).av_lag_s == pytest.approx(0.1)


def test_two_measures_that_are_each_half_noise_show_more_together() -> None:
    loud = syllables(12, 8.0)
    both = noisy(mouthing(loud), 0)
    lone_height = [replace(one, mouth_from_shut=0.0) for one in both]
    lone_grey = [replace(one, mouth_height=0.0) for one in both]
    assert av_zscore(both, loud) > 1.05 * max(av_zscore(lone_height, loud), av_zscore(lone_grey, loud))


@pytest.mark.parametrize("jitter", [0.0, 0.002])
def test_a_resting_mouth_correlates_with_nothing(jitter: float) -> None:
    loud = syllables(5, 8.0)
    rng = np.random.default_rng(0)
    still = [
        replace(one, mouth_height=0.3 + jitter * rng.normal(), mouth_from_shut=0.2 + jitter * rng.normal())
        for one in mouthing(loud)
    ]
    found = correlated(still, loud)
    assert found.av_correlation == pytest.approx(0, abs=0.06)
    assert found.av_zscore == pytest.approx(0, abs=0.6)


def test_one_outlier_of_the_landmarks_does_not_decide() -> None:
    loud = syllables(6, 8.0)
    frames = mouthing(loud, av_lag_s=0.1)
    frames[70] = replace(frames[70], mouth_height=3.0)
    assert correlated(frames, loud).av_lag_s == pytest.approx(0.1)
    assert av_zscore(frames, loud) > 3


def test_frames_may_be_missing() -> None:
    loud = syllables(7, 8.0)
    frames = mouthing(loud, av_lag_s=0.1)
    found = correlated(frames[:50] + frames[52:100] + frames[125:], loud)
    assert found.av_covered_s == pytest.approx(7.0, abs=0.1)
    assert found.av_lag_s == pytest.approx(0.1)
    assert found.av_correlation is not None and found.av_correlation > 0.9


def test_a_track_may_begin_late_in_a_long_clip() -> None:
    loud = syllables(8, 60.0)
    found = correlated([one for one in mouthing(loud, av_lag_s=0.06) if 40 <= one.time_s < 48], loud)
    assert found.av_lag_s == pytest.approx(0.06, abs=0.021)
    assert found.av_correlation is not None and found.av_correlation > 0.9


@pytest.mark.parametrize(
    ("loud", "av_covered_s"),
    [
        (syllables(9, 8.0)[:0], 0.0),
        (syllables(9, 8.0)[:75], 1.5),
        (np.zeros(401), 8.0),
        (syllables(9, 8.0) * 1e-4, 8.0),
    ],
    ids=["no sound", "sound that ends early", "digital silence", "a quiet room"],
)
def test_there_is_no_result_without_enough_sound(loud: Floats, av_covered_s: float) -> None:
    found = correlated(mouthing(syllables(9, 8.0)), loud)
    assert found == MouthSound(av_covered_s=pytest.approx(av_covered_s, abs=0.05))


def test_how_loud_a_voice_must_be_is_a_param() -> None:
    loud = syllables(9, 8.0)
    quiet, frames = loud * 1e-3, mouthing(loud)
    sensitive = DETECT.model_copy(update={"min_av_loudness": 1e-5})
    assert mouth_sound(frames, quiet, DETECT).av_zscore is None
    assert mouth_sound(frames, quiet, sensitive).av_zscore == pytest.approx(av_zscore(frames, loud))


def test_lags_are_tried_around_the_usual_one() -> None:
    loud = syllables(1, 8.0)
    frames = mouthing(loud, av_lag_s=0.5)
    late = DETECT.model_copy(update={"usual_av_lag_s": 0.45})
    assert mouth_sound(frames, loud, late).av_lag_s == pytest.approx(0.5, abs=0.011)
    assert correlated(frames, loud).av_lag_s != pytest.approx(0.5, abs=0.011)


def test_there_is_no_result_of_a_track_that_is_short_or_comes_after_the_sound() -> None:
    loud = syllables(10, 8.0)
    frames = mouthing(loud)
    assert correlated(frames[:25], loud).av_correlation is None
    assert correlated(frames[:1], loud, min_av_covered_s=0.1).av_correlation is None
    assert correlated([one for one in frames if one.time_s > 4], loud[:150]) == MouthSound(av_covered_s=0.0)


def generated(kind: str, seed: int) -> float:
    """Return the av_zscore that the true lips of a generated talker have."""
    spec = ClipSpec(seed=seed, person=0, clip=0, kind=kind, preset="wide", duration_s=6.4)
    time_s = np.arange(spec.n_frames) / float(spec.fps)
    plans = plan_clip(spec, time_s)
    sound = sound_of(spec, plans)
    assert sound is not None
    gaps = enumerate(zip(time_s, plans[0].motion.lip_gap, strict=True))
    return av_zscore([frame(n, float(t), mouth_height=0.3 + float(gap)) for n, (t, gap) in gaps], loudness_of(sound))


def test_generated_talkers_are_separated_from_voices_over_and_from_other_persons_faces() -> None:
    seeds = range(8)
    assert sum(generated("talk", seed) > 2.7 for seed in seeds) >= 7
    assert sum(generated("wrong_face", seed) < 2.7 for seed in seeds) >= 7
    assert generated("voice_over", 0) == pytest.approx(0, abs=0.1)
