"""Speech and motion of a clip: pauses with still lips, and the two distributions of motion."""

import numpy as np

from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.script.motion import DEMO, WIDE, Motion, generate_motion
from pipeline.synthetic.script.speech import Speech, generate_speech, mouth_opening, plan_bursts

TIMES_S = np.arange(100) / 25


def _speech(clip: int, duration_s: float = 4.0) -> Speech:
    rng = keyed_rng("test", clip)
    return generate_speech(rng, plan_bursts(rng, duration_s), 4.5)


def _longest_closed_s(opening: np.ndarray) -> float:
    edges = np.flatnonzero(np.diff(np.concatenate([[1], opening > 0, [1]])))
    return float(np.diff(edges)[0::2].max()) / 25


def test_every_clip_of_four_seconds_pauses_at_both_ends_and_in_between_for_a_third_of_a_second() -> None:
    for clip in range(200):
        bursts = plan_bursts(keyed_rng("test", clip), 4.0)
        ends = [0.0, *(end for _, end in bursts)]
        starts = [*(start for start, _ in bursts), 4.0]
        assert len(bursts) >= 2
        assert min(start - end for end, start in zip(ends, starts, strict=True)) >= 0.33


def test_lips_are_exactly_closed_outside_speech_and_open_somewhere_in_every_burst() -> None:
    for clip in range(50):
        speech = _speech(clip)
        time_s = np.linspace(0, 4, 2000)
        opening = mouth_opening(speech, time_s)
        inside = np.any([(time_s >= a) & (time_s < b) for a, b in speech.bursts_s], axis=0)
        assert opening[~inside].max() == 0.0
        assert all(opening[(time_s >= a) & (time_s < b)].max() > 0.15 for a, b in speech.bursts_s)


def test_lips_stay_closed_for_three_tenths_of_a_second_in_every_demo_clip() -> None:
    for clip in range(50):
        speech = _speech(clip)
        motion = generate_motion(keyed_rng("motion", clip), TIMES_S, speech, DEMO)
        assert _longest_closed_s(motion.lip_gap) >= 0.3


def test_without_speech_the_lips_stay_closed() -> None:
    assert generate_motion(keyed_rng("motion", 1), TIMES_S, None, WIDE).lip_gap.max() == 0.0


def _wide() -> list[Motion]:
    return [generate_motion(keyed_rng("motion", clip), TIMES_S, _speech(clip), WIDE) for clip in range(200)]


def test_demo_faces_are_mostly_frontal() -> None:
    yaw = np.concatenate([generate_motion(keyed_rng("m", k), TIMES_S, None, DEMO).yaw_deg for k in range(200)])
    assert np.abs(yaw).max() <= 14.0
    assert np.mean(np.abs(yaw) < 8.0) > 0.8


def test_wide_faces_reach_but_never_pass_their_limits() -> None:
    for name, limit_deg in (("yaw_deg", 35.0), ("pitch_deg", 20.0), ("roll_deg", 15.0)):
        largest = max(float(np.abs(getattr(motion, name)).max()) for motion in _wide())
        assert 0.9 * limit_deg < largest <= limit_deg


def test_a_quarter_of_the_wide_frames_lies_within_five_degrees_of_a_threshold() -> None:
    yaw_deg = np.abs(np.concatenate([motion.yaw_deg for motion in _wide()]))
    for threshold_deg in (10.0, 12.5, 15.0):
        assert np.mean(np.abs(yaw_deg - threshold_deg) <= 5.0) >= 0.25


def test_wide_faces_sometimes_hold_their_mouth_open_without_speaking() -> None:
    held = [
        motion.lip_gap[~np.any([(a <= TIMES_S) & (b > TIMES_S) for a, b in _speech(clip).bursts_s], axis=0)].max()
        for clip, motion in enumerate(_wide())
    ]
    assert 0.2 < np.mean(np.array(held) > 0.08) < 0.8
