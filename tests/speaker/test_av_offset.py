"""A constant offset between a clip's picture and its sound is found where it is certain, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.base.params import load_params
from pipeline.core.records.frame import Frame
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.av_offset import IN_STEP_LAG_S, AvOffset, av_offset
from pipeline.speaker.main_face import main_face
from pipeline.speaker.mouth_sound import GRID_HZ, Floats, mouth_sound
from tests.speaker.test_main_face import PARAMS
from tests.speaker.test_mouth_sound import mouthing, noisy, syllables

DETECT = load_params(DetectParams, "detect")


def late(loud: Floats, offset_s: float) -> Floats:
    """Return the loudness of a file whose sound comes ``offset_s`` later, or earlier where that is negative."""
    n = round(offset_s * GRID_HZ)
    return np.concatenate([np.full(max(n, 0), loud.min()), loud[max(-n, 0) :]])


def in_step(loud: Floats, fps: float = 25.0) -> list[Frame]:
    return mouthing(loud, av_lag_s=IN_STEP_LAG_S, fps=fps)


@pytest.mark.parametrize("fps", [22.13, 25.0, 29.97])
@pytest.mark.parametrize("offset_s", [-1.22, -1.0, -0.5, -0.18, 0.18, 0.5, 1.0, 1.22])
def test_a_shifted_sound_is_out_of_step_by_its_shift(offset_s: float, fps: float) -> None:
    loud = syllables(1, 8.0)
    found = av_offset([in_step(loud, fps)], late(loud, offset_s), DETECT)
    assert found.offset_s == pytest.approx(offset_s, abs=0.015)
    assert found.certainty is not None and found.certainty > DETECT.min_av_offset_certainty


@pytest.mark.parametrize("offset_s", [-0.6, 0.6])
def test_the_offset_lies_between_the_steps_of_the_grid(offset_s: float) -> None:
    loud, finer = syllables(2, 10.0), 0.006
    frames = mouthing(loud, av_lag_s=IN_STEP_LAG_S + finer)
    assert av_offset([frames], late(loud, offset_s), DETECT).offset_s == pytest.approx(offset_s + finer, abs=0.004)


@pytest.mark.parametrize(
    ("offset_s", "is_out"), [(0.0, False), (0.14, False), (-0.14, False), (0.22, True), (-0.22, True)]
)
def test_only_from_a_stated_size_on_is_a_clip_out_of_step(offset_s: float, is_out: bool) -> None:
    loud = syllables(3, 8.0)
    found = av_offset([in_step(loud)], late(loud, offset_s), DETECT)
    assert found.offset_s == pytest.approx(offset_s, abs=0.015)
    assert found.out_of_step_s == (found.offset_s if is_out else 0.0)


def test_how_certain_and_how_large_it_must_be_are_params() -> None:
    loud = syllables(3, 8.0)
    frames, sound = [in_step(loud)], late(loud, 0.4)
    found = av_offset(frames, sound, DETECT)
    assert found.certainty is not None and found.offset_s is not None and found.out_of_step_s == found.offset_s
    for name, limit in (("min_av_offset_certainty", found.certainty), ("min_av_offset_s", found.offset_s)):
        for step, is_out in ((0.0, True), (1e-6, False)):
            params = DETECT.model_copy(update={name: limit + step})
            assert (av_offset(frames, sound, params).out_of_step_s != 0) == is_out


@pytest.mark.parametrize("sign", [1, -1])
def test_offsets_further_than_a_param_are_not_taken_for_others(sign: int) -> None:
    loud = syllables(4, 10.0)
    for shift_s, is_found in ((0.96, True), (0.98, True), (1.0, False), (1.02, False), (1.06, False), (1.4, False)):
        found = av_offset(
            [in_step(loud)], late(loud, sign * shift_s), DETECT.model_copy(update={"max_av_offset_s": 1.0})
        )
        assert found.out_of_step_s == pytest.approx(sign * shift_s if is_found else 0, abs=0.015)


def test_of_unrelated_voices_hardly_one_in_a_hundred_is_certain() -> None:
    mouths = [noisy(mouthing(syllables(n, 6.0)), n) for n in range(60)]
    found = [av_offset([mouth], syllables(1000 + n, 6.0), DETECT) for n, mouth in enumerate(mouths)]
    assert sum(one.out_of_step_s != 0 for one in found) <= 1
    assert np.median([one.certainty for one in found]) == pytest.approx(0.8, abs=0.4)


def test_a_resting_mouth_has_no_certain_offset() -> None:
    loud = syllables(5, 8.0)
    still = [replace(one, mouth_height=0.3, mouth_from_shut=0.2) for one in in_step(loud)]
    assert av_offset([still], loud, DETECT).certainty == pytest.approx(0, abs=0.2)


def test_shots_that_alone_are_too_short_are_certain_together() -> None:
    loud = syllables(6, 9.6)
    frames, sound = noisy(in_step(loud), 6), late(loud, -0.5)
    shots = [[one for one in frames if n * 1.6 <= one.time_s < (n + 1) * 1.6] for n in range(6)]
    assert av_offset(shots[:1], sound, DETECT) == AvOffset()
    assert av_offset(shots, sound, DETECT).out_of_step_s == pytest.approx(-0.5, abs=0.025)


def test_listeners_do_not_hide_the_speakers_offset() -> None:
    loud = syllables(7, 8.0)
    listeners = [noisy(mouthing(syllables(70 + n, 8.0)), n) for n in range(3)]
    found = av_offset([*listeners, in_step(loud)], late(loud, 0.7), DETECT)
    assert found.out_of_step_s == pytest.approx(0.7, abs=0.015)


def test_a_clip_within_a_long_file_is_compared_with_the_sound_around_it() -> None:
    loud = syllables(8, 60.0)
    frames = [one for one in in_step(loud) if 40 <= one.time_s < 48]
    assert av_offset([frames], late(loud, -0.5), DETECT).out_of_step_s == pytest.approx(-0.5, abs=0.015)


@pytest.mark.parametrize(
    "loud",
    [syllables(9, 8.0)[:0], syllables(9, 8.0)[:90], np.zeros(401), syllables(9, 8.0) * 1e-4],
    ids=["no sound", "sound that ends early", "digital silence", "a quiet room"],
)
def test_there_is_no_offset_without_enough_sound(loud: Floats) -> None:
    assert av_offset([in_step(syllables(9, 8.0))], loud, DETECT) == AvOffset()


def test_there_is_no_offset_of_a_track_that_is_short_or_comes_after_the_sound() -> None:
    loud = syllables(10, 8.0)
    frames = in_step(loud)
    for track in (frames[:45], frames[:1], [one for one in frames if one.time_s > 5]):
        assert av_offset([track], loud[:150], DETECT) == AvOffset()


def test_the_speaker_of_a_shifted_clip_has_the_main_face_at_its_offset() -> None:
    loud = syllables(11, 8.0)
    tracks = [in_step(loud), noisy(mouthing(syllables(12, 8.0)), 0)]
    sound = late(loud, 0.6)
    offset = av_offset(tracks, sound, DETECT)
    corrected = DETECT.model_copy(update={"usual_av_lag_s": DETECT.usual_av_lag_s + offset.out_of_step_s})
    for params, main in ((DETECT, 1), (corrected, 0)):
        zscores = [mouth_sound(frames, sound, params).av_zscore for frames in tracks]
        assert main_face([1.0, 2.0], zscores, PARAMS) == main
