"""Generate a clip, pictures and sound, with its ground truth."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.look.body import draw_body
from pipeline.synthetic.look.face import draw_head
from pipeline.synthetic.look.scene import Image, Light, add_noise, draw_light, draw_noises, draw_room
from pipeline.synthetic.look.talker import talker_of
from pipeline.synthetic.mp4 import set_rotation, truncate
from pipeline.synthetic.plan import TalkerPlan, face_truth, plan_clip, pose_at, seed_key
from pipeline.synthetic.script.spec import CRF_OF_PRESET, KINDS_WITHOUT_VOICE, ClipSpec
from pipeline.synthetic.script.traits import voice_of
from pipeline.synthetic.script.truth import ClipTruth
from pipeline.synthetic.voice.synthesis import SAMPLE_RATE_HZ, synthesise
from pipeline.video.encode import Encoding, write_mp4

TRUNCATED_SHARE = 0.6
CRF_RANGE = {"demo": (23, 23), "wide": (23, 35)}


def write_clip(spec: ClipSpec, path: Path) -> ClipTruth:
    """Write the clip to ``path``, MP4 with H.264 and AAC, and return its ground truth."""
    time_s = np.arange(spec.n_frames) / float(spec.fps)
    plans = plan_clip(spec, time_s)
    visible = plans if spec.kind != "no_face" else ()
    has_voice = spec.kind not in KINDS_WITHOUT_VOICE
    faces = tuple(face_truth(plan, time_s, has_voice=has_voice) for plan in visible)
    frames = _frames(spec, visible)
    size_px = (spec.width_px, spec.height_px)
    if spec.kind == "rotated":
        frames, size_px = (np.rot90(image) for image in frames), size_px[::-1]
    write_mp4(
        path,
        frames,
        Encoding(fps=spec.fps, size_px=size_px, crf=_crf(spec)),
        sound=sound_of(spec, plans),
        sample_rate_hz=SAMPLE_RATE_HZ,
    )
    if spec.kind == "rotated":
        set_rotation(path)
    if spec.kind == "truncated":
        truncate(path, TRUNCATED_SHARE)
    speakers = [plan for plan in plans if plan.speech is not None] if has_voice else []
    return ClipTruth(
        time_s=time_s,
        speech_intervals_s=tuple(sorted(burst for plan in speakers for burst in _bursts(plan))),
        voices=tuple(plan.person for plan in speakers),
        faces=faces,
    )


def _crf(spec: ClipSpec) -> int:
    if spec.crf != CRF_OF_PRESET:
        return spec.crf
    low, high = CRF_RANGE[spec.preset]
    return int(keyed_rng("crf", *seed_key(spec, spec.person)).integers(low, high + 1))


def _bursts(plan: TalkerPlan) -> tuple[tuple[float, float], ...]:
    return () if plan.speech is None else plan.speech.bursts_s


def _frames(spec: ClipSpec, plans: tuple[TalkerPlan, ...]) -> Iterator[Image]:
    """Yield the pictures of the clip, (H, W, 3) uint8 RGB."""
    rng = keyed_rng("scene", *seed_key(spec, spec.person))
    light = draw_light(rng)
    shots = _shots(rng, spec, plans, light)
    noises = draw_noises(rng, spec.width_px, spec.height_px)
    for frame, noise in enumerate(rng.integers(0, len(noises), spec.n_frames)):
        on_screen = tuple(plan for plan in plans if plan.visible[frame])
        image = shots[tuple(plan.person for plan in on_screen)].copy()
        for plan in on_screen:
            _draw_talker(image, plan, frame, light)
        yield add_noise(image, noises[noise])


def _shots(
    rng: np.random.Generator, spec: ClipSpec, plans: tuple[TalkerPlan, ...], light: Light
) -> dict[tuple[int, ...], Image]:
    """Return the still part of each shot by its persons: the room with their bodies."""
    groups = [plans] if spec.kind != "cuts" else [(plan,) for plan in plans]
    shots = {}
    for together in groups:
        room = draw_room(rng, spec.width_px, spec.height_px)
        for plan in together:
            draw_body(room, talker_of(plan.traits), plan.camera, light)
        shots[tuple(plan.person for plan in together)] = room
    return shots


def _draw_talker(image: Image, plan: TalkerPlan, frame: int, light: Light) -> None:
    turn, camera, face = pose_at(plan, frame)
    draw_head(image, talker_of(plan.traits), turn, camera, light, face)


def sound_of(spec: ClipSpec, plans: tuple[TalkerPlan, ...]) -> NDArray[np.float32] | None:
    """Return the clip's sound, (N,) float32 in [-1, 1] at SAMPLE_RATE_HZ; None where it has no sound stream."""
    if spec.kind == "no_sound":
        return None
    n_samples = round(spec.n_frames / spec.fps * SAMPLE_RATE_HZ)
    sound = np.zeros(n_samples, np.float32)
    if spec.kind == "silent":
        return sound
    for plan in plans:
        if plan.speech is not None:
            voice = voice_of(plan.traits)
            rng = keyed_rng("voice", *seed_key(spec, plan.person))
            sound += synthesise(plan.speech, voice, n_samples=n_samples, rng=rng)
    return sound
