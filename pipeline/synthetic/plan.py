"""The plan of a clip: each talker's speech, motion and camera."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.look.features import Expression
from pipeline.synthetic.look.geometry import Camera, Reals, head_turn
from pipeline.synthetic.look.landmarks import Landmarks, landmarks
from pipeline.synthetic.look.talker import talker_of
from pipeline.synthetic.script.motion import MOTION_STYLES, PROFILE, PROFILE_YAW_DEG, Motion, generate_motion
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.synthetic.script.speech import Floats, Speech, generate_speech, is_speaking, mouth_opening, plan_bursts
from pipeline.synthetic.script.traits import Traits, traits_of, voice_of
from pipeline.synthetic.script.truth import FaceTruth

# Interocular distance as a share of the picture's shorter side, alone and for each of two.
FACE_SHARE = (0.130, 0.165)
FACE_SHARE_OF_TWO = (0.115, 0.140)
N_OTHER_SPEECHES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkerPlan:
    """One talker in a clip: ``speech`` is in the sound, ``lip_speech`` moves the lips; None is silence."""

    traits: Traits
    person: int
    speech: Speech | None
    motion: Motion
    lip_speech: Speech | None
    camera: Camera
    visible: NDArray[np.bool_]


def plan_clip(spec: ClipSpec, time_s: Floats) -> tuple[TalkerPlan, ...]:
    """Return the plan of every talker in the clip; ``time_s``: (T,) times of its frames."""
    duration_s = float(spec.n_frames / spec.fps)
    all_frames = np.ones(spec.n_frames, bool)
    if spec.kind == "two_people":
        bursts = plan_bursts(keyed_rng("bursts", *seed_key(spec, spec.person)), duration_s, at_least=2)
        talkers = ((spec.person, bursts[0::2], 0.27), (spec.second_person, bursts[1::2], 0.73))
        return tuple(_plan(spec, time_s, person, bursts_s, x, all_frames) for person, bursts_s, x in talkers)
    if spec.kind == "cuts":
        half = spec.n_frames // 2
        cut_s = float(half / spec.fps)
        first = plan_bursts(keyed_rng("bursts", *seed_key(spec, spec.person)), cut_s)
        second = plan_bursts(keyed_rng("bursts", *seed_key(spec, spec.second_person)), duration_s - cut_s)
        second = tuple((start + cut_s, end + cut_s) for start, end in second)
        before = np.arange(spec.n_frames) < half
        return (
            _plan(spec, time_s, spec.person, first, 0.5, before),
            _plan(spec, time_s, spec.second_person, second, 0.5, ~before),
        )
    bursts = plan_bursts(keyed_rng("bursts", *seed_key(spec, spec.person)), duration_s)
    return (_plan(spec, time_s, spec.person, bursts, 0.5, all_frames),)


def seed_key(spec: ClipSpec, person: int) -> tuple[int, int, int]:
    """Return what seeds a person's random numbers in a clip: not the kind, so that kinds are comparable."""
    return spec.seed, person, spec.clip


def _plan(
    spec: ClipSpec,
    time_s: Floats,
    person: int,
    bursts_s: tuple[tuple[float, float], ...],
    x: float,
    visible: NDArray[np.bool_],
) -> TalkerPlan:
    traits = traits_of(spec.seed, person)
    rate_hz = voice_of(traits).syllables_hz
    speech = generate_speech(keyed_rng("syllables", *seed_key(spec, person)), bursts_s, rate_hz) if bursts_s else None
    lip_speech = _lip_speech(spec, person, speech, rate_hz)
    style = PROFILE if spec.kind == "profile_only" else MOTION_STYLES[spec.preset]
    rng = keyed_rng("motion", *seed_key(spec, person))
    motion = generate_motion(rng, time_s, lip_speech, style)
    if spec.kind == "profile_only":
        motion = replace(motion, yaw_deg=motion.yaw_deg + PROFILE_YAW_DEG * rng.choice([-1, 1]))
    return TalkerPlan(
        traits=traits,
        person=person,
        speech=speech,
        motion=motion,
        lip_speech=lip_speech,
        camera=_camera(rng, spec, x),
        visible=visible,
    )


def _lip_speech(spec: ClipSpec, person: int, speech: Speech | None, rate_hz: float) -> Speech | None:
    """Return the speech that moves the lips: not always the one in the sound."""
    if spec.kind == "voice_over":
        return None
    if spec.kind != "wrong_face" or speech is None:
        return speech
    return _unsynchronised(keyed_rng("other speech", *seed_key(spec, person)), speech, spec, rate_hz)


def _unsynchronised(rng: np.random.Generator, speech: Speech, spec: ClipSpec, rate_hz: float) -> Speech:
    """Return another speech of the same length: of a few, the one whose lips correlate least with ``speech``."""
    duration_s = float(spec.n_frames / spec.fps)
    time_s = np.arange(0, duration_s, 0.02)
    opening = mouth_opening(speech, time_s)
    others = [generate_speech(rng, plan_bursts(rng, duration_s, at_least=2), rate_hz) for _ in range(N_OTHER_SPEECHES)]
    correlations = [float(np.corrcoef(opening, mouth_opening(other, time_s))[0, 1]) for other in others]
    return others[int(np.argmin(correlations))]


def _camera(rng: np.random.Generator, spec: ClipSpec, x: float) -> Camera:
    alone = x == 0.5
    side_px = min(spec.width_px, spec.height_px)
    scale_px = side_px * rng.uniform(*(FACE_SHARE if alone else FACE_SHARE_OF_TWO))
    return Camera(
        x_px=spec.width_px * (x + rng.uniform(-0.05, 0.05) * alone),
        y_px=spec.height_px * rng.uniform(0.48, 0.52) + 0.35 * scale_px,
        scale_px=scale_px,
    )


def pose_at(plan: TalkerPlan, frame: int) -> tuple[Reals, Camera, Expression]:
    """Return the rotation of the head in a frame, the camera, and the expression of the face."""
    motion, still = plan.motion, plan.camera
    turn = head_turn(motion.yaw_deg[frame], motion.pitch_deg[frame], motion.roll_deg[frame])
    camera = Camera(
        x_px=still.x_px + motion.sway_x[frame] * still.scale_px,
        y_px=still.y_px + motion.sway_y[frame] * still.scale_px,
        scale_px=still.scale_px,
    )
    face = Expression(
        lip_gap=float(motion.lip_gap[frame]),
        eye_opening=float(motion.eye_opening[frame]),
        gaze_x=float(motion.gaze_x[frame]),
        gaze_y=float(motion.gaze_y[frame]),
    )
    return turn, camera, face


def face_truth(plan: TalkerPlan, time_s: Floats, *, has_voice: bool) -> FaceTruth:
    """Return the ground truth of one talker's face; ``has_voice``: whether the clip's sound has voices."""
    speech = plan.speech if has_voice and plan.lip_speech is plan.speech else None
    motion = plan.motion
    marks = [_landmarks_at(plan, frame) for frame in range(len(time_s))]
    return FaceTruth(
        person=plan.person,
        left_eye_px=np.array([m.left_eye_px for m in marks], float),
        right_eye_px=np.array([m.right_eye_px for m in marks], float),
        mouth_left_px=np.array([m.mouth_left_px for m in marks], float),
        mouth_right_px=np.array([m.mouth_right_px for m in marks], float),
        lip_opening=np.array([m.lip_opening for m in marks]),
        eye_opening=motion.eye_opening,
        yaw_deg=motion.yaw_deg,
        pitch_deg=motion.pitch_deg,
        roll_deg=motion.roll_deg,
        face_visible=plan.visible,
        is_speaking=is_speaking(speech, time_s) & plan.visible if speech else np.zeros(len(time_s), bool),
    )


def _landmarks_at(plan: TalkerPlan, frame: int) -> Landmarks:
    turn, camera, face = pose_at(plan, frame)
    return landmarks(talker_of(plan.traits), turn, camera, face.lip_gap)
