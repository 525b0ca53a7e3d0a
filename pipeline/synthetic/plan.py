"""Who is in a clip, what they say, how they move and how the camera sees them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.base.seeds import keyed_rng
from pipeline.synthetic.look.features import Expression
from pipeline.synthetic.look.geometry import Camera, Reals, rotation
from pipeline.synthetic.look.talker import Landmarks, landmarks, talker
from pipeline.synthetic.script.motion import MANNERS, PROFILE, PROFILE_YAW_DEG, Script, act
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.synthetic.script.speech import Floats, Speech, is_speaking, mouth_opening, plan_bursts, speak
from pipeline.synthetic.script.traits import Traits, traits_of, voice_of
from pipeline.synthetic.script.truth import FaceTruth

# Interocular distance as a share of the picture's shorter side, alone and for each of two.
FACE_SHARE = (0.130, 0.165)
FACE_SHARE_OF_TWO = (0.115, 0.140)
N_OTHER_SPEECHES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One person's part in a clip: ``said`` is spoken, ``mouthed`` is what the lips show; None is silence."""

    traits: Traits
    person: int
    said: Speech | None
    moved: Script
    mouthed: Speech | None
    camera: Camera
    visible: NDArray[np.bool_]


def plan_clip(spec: ClipSpec, time_s: Floats) -> tuple[Role, ...]:
    """Give every person of the clip a part."""
    duration_s = float(spec.n_frames / spec.fps)
    everything = np.ones(spec.n_frames, bool)
    if spec.kind == "two_people":
        bursts = plan_bursts(keyed_rng("bursts", *key(spec, spec.person)), duration_s, at_least=2)
        parts = ((spec.person, bursts[0::2], 0.27), (spec.second_person, bursts[1::2], 0.73))
        return tuple(_role(spec, time_s, who, said, at, everything) for who, said, at in parts)
    if spec.kind == "cuts":
        half = spec.n_frames // 2
        cut_s = float(half / spec.fps)
        first = plan_bursts(keyed_rng("bursts", *key(spec, spec.person)), cut_s)
        second = plan_bursts(keyed_rng("bursts", *key(spec, spec.second_person)), duration_s - cut_s)
        second = tuple((start + cut_s, end + cut_s) for start, end in second)
        before = np.arange(spec.n_frames) < half
        return (
            _role(spec, time_s, spec.person, first, 0.5, before),
            _role(spec, time_s, spec.second_person, second, 0.5, ~before),
        )
    bursts = plan_bursts(keyed_rng("bursts", *key(spec, spec.person)), duration_s)
    return (_role(spec, time_s, spec.person, bursts, 0.5, everything),)


def key(spec: ClipSpec, person: int) -> tuple[int, int, int]:
    """Return what a person's random numbers in a clip depend on: not the kind, so kinds compare."""
    return spec.seed, person, spec.clip


def _role(
    spec: ClipSpec,
    time_s: Floats,
    person: int,
    bursts_s: tuple[tuple[float, float], ...],
    at: float,
    visible: NDArray[np.bool_],
) -> Role:
    traits = traits_of(spec.seed, person)
    rate_hz = voice_of(traits).syllables_hz
    said = speak(keyed_rng("syllables", *key(spec, person)), bursts_s, rate_hz) if bursts_s else None
    mouthed = _mouthed(spec, person, said, rate_hz)
    manner = PROFILE if spec.kind == "profile_only" else MANNERS[spec.preset]
    rng = keyed_rng("motion", *key(spec, person))
    moved = act(rng, time_s, mouthed, manner)
    if spec.kind == "profile_only":
        moved = replace(moved, yaw_deg=moved.yaw_deg + PROFILE_YAW_DEG * rng.choice([-1, 1]))
    return Role(
        traits=traits,
        person=person,
        said=said,
        moved=moved,
        mouthed=mouthed,
        camera=_framing(rng, spec, at),
        visible=visible,
    )


def _mouthed(spec: ClipSpec, person: int, said: Speech | None, rate_hz: float) -> Speech | None:
    """Return the speech that the lips show: not always the one that is heard."""
    if spec.kind == "voice_over":
        return None
    if spec.kind != "wrong_face" or said is None:
        return said
    return _out_of_step(keyed_rng("other speech", *key(spec, person)), said, spec, rate_hz)


def _out_of_step(rng: np.random.Generator, said: Speech, spec: ClipSpec, rate_hz: float) -> Speech:
    """Return another speech of the same length: of a few, the one whose lips fit ``said`` least."""
    duration_s = float(spec.n_frames / spec.fps)
    time_s = np.arange(0, duration_s, 0.02)
    heard = mouth_opening(said, time_s)
    others = [speak(rng, plan_bursts(rng, duration_s, at_least=2), rate_hz) for _ in range(N_OTHER_SPEECHES)]
    fits = [float(np.corrcoef(heard, mouth_opening(other, time_s))[0, 1]) for other in others]
    return others[int(np.argmin(fits))]


def _framing(rng: np.random.Generator, spec: ClipSpec, at: float) -> Camera:
    alone = at == 0.5
    side_px = min(spec.width_px, spec.height_px)
    scale_px = side_px * rng.uniform(*(FACE_SHARE if alone else FACE_SHARE_OF_TWO))
    return Camera(
        x_px=spec.width_px * (at + rng.uniform(-0.05, 0.05) * alone),
        y_px=spec.height_px * rng.uniform(0.48, 0.52) + 0.35 * scale_px,
        scale_px=scale_px,
    )


def seen_at(role: Role, frame: int) -> tuple[Reals, Camera, Expression]:
    """Return how the head is turned in a frame, from where it is seen, and what its face does."""
    moved, still = role.moved, role.camera
    turn = rotation(moved.yaw_deg[frame], moved.pitch_deg[frame], moved.roll_deg[frame])
    camera = Camera(
        x_px=still.x_px + moved.sway_x[frame] * still.scale_px,
        y_px=still.y_px + moved.sway_y[frame] * still.scale_px,
        scale_px=still.scale_px,
    )
    face = Expression(
        lip_gap=float(moved.lip_gap[frame]),
        eye_opening=float(moved.eye_opening[frame]),
        gaze_x=float(moved.gaze_x[frame]),
        gaze_y=float(moved.gaze_y[frame]),
    )
    return turn, camera, face


def face_truth(role: Role, time_s: Floats, *, is_heard: bool) -> FaceTruth:
    """Return the truth about one person's face in a clip where voices are heard, or are not."""
    said = role.said if is_heard and role.mouthed is role.said else None
    moved = role.moved
    marks = [_landmarks_at(role, frame) for frame in range(len(time_s))]
    return FaceTruth(
        person=role.person,
        left_eye_px=np.array([m.left_eye_px for m in marks], float),
        right_eye_px=np.array([m.right_eye_px for m in marks], float),
        mouth_left_px=np.array([m.mouth_left_px for m in marks], float),
        mouth_right_px=np.array([m.mouth_right_px for m in marks], float),
        lip_opening=np.array([m.lip_opening for m in marks]),
        eye_opening=moved.eye_opening,
        yaw_deg=moved.yaw_deg,
        pitch_deg=moved.pitch_deg,
        roll_deg=moved.roll_deg,
        face_visible=role.visible,
        is_speaking=is_speaking(said, time_s) & role.visible if said else np.zeros(len(time_s), bool),
    )


def _landmarks_at(role: Role, frame: int) -> Landmarks:
    turn, camera, face = seen_at(role, frame)
    return landmarks(talker(role.traits), turn, camera, face.lip_gap)
