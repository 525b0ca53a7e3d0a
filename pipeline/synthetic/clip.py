"""Generate a clip: who is in it, what they do, how it looks and sounds, and the truth about all of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.seeds import keyed_rng
from pipeline.synthetic.encode import write_mp4
from pipeline.synthetic.look.body import draw_body
from pipeline.synthetic.look.face import draw_head
from pipeline.synthetic.look.scene import Image, Light, add_noise, draw_light, draw_noises, draw_room
from pipeline.synthetic.look.talker import talker
from pipeline.synthetic.mp4 import cut_short, show_rotated
from pipeline.synthetic.plan import Role, face_truth, key, plan_clip, seen_at
from pipeline.synthetic.script.spec import CRF_OF_PRESET, UNHEARD, ClipSpec
from pipeline.synthetic.script.traits import voice_of
from pipeline.synthetic.script.truth import ClipTruth
from pipeline.synthetic.voice.synthesis import SAMPLE_RATE_HZ, synthesise

TRUNCATED_SHARE = 0.6
CRF_RANGE = {"demo": (23, 23), "wide": (23, 35)}


def write_clip(spec: ClipSpec, path: Path) -> ClipTruth:
    """Write the clip to exactly ``path`` and return the truth about it."""
    time_s = np.arange(spec.n_frames) / float(spec.fps)
    roles = plan_clip(spec, time_s)
    seen = roles if spec.kind != "no_face" else ()
    faces = tuple(face_truth(role, time_s, is_heard=spec.kind not in UNHEARD) for role in seen)
    frames = _frames(spec, seen)
    size_px = (spec.width_px, spec.height_px)
    if spec.kind == "rotated":
        frames, size_px = (np.rot90(image) for image in frames), size_px[::-1]
    write_mp4(
        path,
        frames,
        fps=spec.fps,
        size_px=size_px,
        crf=_crf(spec),
        sound=sound_of(spec, roles),
        sample_rate_hz=SAMPLE_RATE_HZ,
    )
    if spec.kind == "rotated":
        show_rotated(path)
    if spec.kind == "truncated":
        cut_short(path, TRUNCATED_SHARE)
    heard = [] if spec.kind in UNHEARD else [role for role in roles if role.said is not None]
    return ClipTruth(
        time_s=time_s,
        speech_intervals_s=tuple(sorted(burst for role in heard for burst in _bursts(role))),
        voices=tuple(role.person for role in heard),
        faces=faces,
    )


def _crf(spec: ClipSpec) -> int:
    if spec.crf != CRF_OF_PRESET:
        return spec.crf
    low, high = CRF_RANGE[spec.preset]
    return int(keyed_rng("crf", *key(spec, spec.person)).integers(low, high + 1))


def _bursts(role: Role) -> tuple[tuple[float, float], ...]:
    return () if role.said is None else role.said.bursts_s


def _frames(spec: ClipSpec, roles: tuple[Role, ...]) -> Iterator[Image]:
    """Draw the clip, frame by frame."""
    rng = keyed_rng("scene", *key(spec, spec.person))
    light = draw_light(rng)
    shots = _shots(rng, spec, roles, light)
    noises = draw_noises(rng, spec.width_px, spec.height_px)
    for frame, noise in enumerate(rng.integers(0, len(noises), spec.n_frames)):
        on_screen = tuple(role for role in roles if role.visible[frame])
        image = shots[tuple(role.person for role in on_screen)].copy()
        for role in on_screen:
            _draw_role(image, role, frame, light)
        yield add_noise(image, noises[noise])


def _shots(
    rng: np.random.Generator, spec: ClipSpec, roles: tuple[Role, ...], light: Light
) -> dict[tuple[int, ...], Image]:
    """Return the still part of each shot: the room with the bodies of those who are in it."""
    casts = [roles] if spec.kind != "cuts" else [(role,) for role in roles]
    shots = {}
    for together in casts:
        room = draw_room(rng, spec.width_px, spec.height_px)
        for role in together:
            draw_body(room, talker(role.traits), role.camera, light)
        shots[tuple(role.person for role in together)] = room
    return shots


def _draw_role(image: Image, role: Role, frame: int, light: Light) -> None:
    turn, camera, face = seen_at(role, frame)
    draw_head(image, talker(role.traits), turn, camera, light, face)


def sound_of(spec: ClipSpec, roles: tuple[Role, ...]) -> NDArray[np.float32] | None:
    """Return the clip's sound, or None where it has no sound stream."""
    if spec.kind == "no_sound":
        return None
    n_samples = round(spec.n_frames / spec.fps * SAMPLE_RATE_HZ)
    sound = np.zeros(n_samples, np.float32)
    if spec.kind == "silent":
        return sound
    for role in roles:
        if role.said is not None:
            voice = voice_of(role.traits)
            rng = keyed_rng("voice", *key(spec, role.person))
            sound += synthesise(role.said, voice, n_samples=n_samples, rng=rng)
    return sound
