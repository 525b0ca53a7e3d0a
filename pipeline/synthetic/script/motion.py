"""The motion of one face during a clip: pose, lips, lids, gaze and sway, frame by frame."""

from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.script.speech import Floats, Speech, mouth_opening, smooth_step

BLINK_S = 0.22
BLINKS_PER_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionStyle:
    """Ranges of a face's motion, degrees and interocular distances.

    ``yaw_deg``, ``pitch_deg``, ``roll_deg`` are (least, greatest) amplitudes of a slow swing, ``rest_deg`` the largest
    means and ``limit_deg`` the largest angles of the three; ``lips_interocular`` is (least, greatest) widest lip gap,
    ``held_open_share`` the share of pauses with an open mouth.
    """

    yaw_deg: tuple[float, float]
    pitch_deg: tuple[float, float]
    roll_deg: tuple[float, float]
    rest_deg: tuple[float, float, float]
    limit_deg: tuple[float, float, float]
    lips_interocular: tuple[float, float]
    held_open_share: float


DEMO = MotionStyle(
    yaw_deg=(2.0, 8.0),
    pitch_deg=(1.0, 5.0),
    roll_deg=(1.0, 4.0),
    rest_deg=(2.0, 2.0, 1.0),
    limit_deg=(14.0, 9.0, 7.0),
    lips_interocular=(0.24, 0.36),
    held_open_share=0.0,
)
# Swings up to the limits; an amplitude near 20 degrees spends most of its time between 7 and 18, where
# thresholds for "frontal" lie.
WIDE = MotionStyle(
    yaw_deg=(12.0, 35.0),
    pitch_deg=(6.0, 20.0),
    roll_deg=(3.0, 15.0),
    rest_deg=(3.0, 2.0, 1.0),
    limit_deg=(35.0, 20.0, 15.0),
    lips_interocular=(0.20, 0.45),
    held_open_share=0.4,
)
PROFILE = MotionStyle(
    yaw_deg=(2.0, 6.0),
    pitch_deg=(1.0, 4.0),
    roll_deg=(1.0, 3.0),
    rest_deg=(1.0, 2.0, 1.0),
    limit_deg=(8.0, 8.0, 6.0),
    lips_interocular=(0.24, 0.36),
    held_open_share=0.0,
)
PROFILE_YAW_DEG = 80.0
MOTION_STYLES = {"demo": DEMO, "wide": WIDE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """The motion of a face, one entry per frame; angles in degrees, ``lip_gap`` in head units.

    yaw > 0 turns towards the image's right, pitch > 0 looks up, roll > 0 tilts clockwise in the image.
    """

    yaw_deg: Floats
    pitch_deg: Floats
    roll_deg: Floats
    lip_gap: Floats
    eye_opening: Floats
    gaze_x: Floats
    gaze_y: Floats
    sway_x: Floats
    sway_y: Floats


def generate_motion(rng: np.random.Generator, time_s: Floats, speech: Speech | None, style: MotionStyle) -> Motion:
    """Return the random motion of a face that speaks ``speech``; None: with closed lips."""
    yaw, pitch, roll = (
        _swing(rng, time_s, amplitude, rest, limit)
        for amplitude, rest, limit in zip(
            (style.yaw_deg, style.pitch_deg, style.roll_deg),
            style.rest_deg,
            style.limit_deg,
            strict=True,
        )
    )
    return Motion(
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        lip_gap=_lip_gap(rng, time_s, speech, style),
        eye_opening=_blinks(rng, time_s),
        gaze_x=_glances(rng, time_s),
        gaze_y=0.5 * _glances(rng, time_s),
        sway_x=_swing(rng, time_s, (0.02, 0.08), 0.0, 0.12),
        sway_y=_swing(rng, time_s, (0.01, 0.04), 0.0, 0.08),
    )


def _swing(
    rng: np.random.Generator, time_s: Floats, amplitude: tuple[float, float], rest: float, limit: float
) -> Floats:
    """Return a slow swing and a small quicker one about a random mean, never beyond ``limit``."""
    size = rng.uniform(*amplitude)
    slow = size * np.sin(2 * np.pi * (rng.uniform(0.10, 0.25) * time_s + rng.random()))
    quick = 0.08 * size * np.sin(2 * np.pi * (rng.uniform(0.5, 0.9) * time_s + rng.random()))
    return np.asarray(np.clip(rng.uniform(-rest, rest) + slow + quick, -limit, limit))


def _lip_gap(rng: np.random.Generator, time_s: Floats, speech: Speech | None, style: MotionStyle) -> Floats:
    widest = rng.uniform(*style.lips_interocular)
    if speech is None:
        return np.zeros(len(time_s))
    gap = widest * mouth_opening(speech, time_s)
    pauses = list(zip([e for _, e in speech.bursts_s[:-1]], [s for s, _ in speech.bursts_s[1:]], strict=True))
    for start_s, end_s in pauses:
        if rng.random() < style.held_open_share:
            gap = np.maximum(gap, rng.uniform(0.08, 0.25) * _plateau(time_s, start_s - 0.1, end_s + 0.1))
    return gap


def _plateau(time_s: Floats, start_s: float, end_s: float, ramp_s: float = 0.12) -> Floats:
    rise, fall = np.clip((time_s - start_s) / ramp_s, 0, 1), np.clip((end_s - time_s) / ramp_s, 0, 1)
    return smooth_step(np.minimum(rise, fall))


def _blinks(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Return lid opening, 1 open, 0 shut; blinks come at random, at least a second apart."""
    opening = np.ones(len(time_s))
    at_s = time_s[0] + rng.exponential(1 / BLINKS_PER_S)
    while at_s < time_s[-1]:
        opening = np.minimum(opening, np.clip(np.abs(time_s - at_s) / (BLINK_S / 2), 0, 1))
        at_s += 1.0 + rng.exponential(1 / BLINKS_PER_S)
    return smooth_step(opening)


def _glances(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Return gaze in [-1, 1] that rests and jumps."""
    jumps_s = np.cumsum(rng.uniform(0.6, 1.8, 2 + int((time_s[-1] - time_s[0]) / 0.6))) + time_s[0]
    targets = np.clip(rng.normal(0, 0.35, len(jumps_s) + 1), -1, 1)
    return np.asarray(targets[np.searchsorted(jumps_s, time_s)])
