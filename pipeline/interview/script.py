"""Draw the plan of an interview from its seed."""

import numpy as np

from pipeline.core.base.seeds import keyed_rng
from pipeline.interview.conversation import converse
from pipeline.interview.framing import Set
from pipeline.interview.plan import (
    FEWEST_TALKERS,
    MOST_TALKERS,
    STUDIO,
    Backing,
    Interview,
    InterviewSpec,
    Shot,
    SoundKind,
    Turn,
    interviewer,
    narrator,
)
from pipeline.interview.scenes import Scene, SceneKind, draw_cuts, draw_scenes

STUDIO_SHARE = 0.5  # of the talks; each of the others has a room and light of its own
SECOND_CAMERA_SHARE = 0.6  # of the scenes
ALONE_SHARE = 0.25  # of the talks: one talker whom the interviewer asks
ASKED_SHARE = 0.6  # of the other talks
BED_SHARE: dict[SceneKind, float] = {"title": 1.0, "narration": 0.6, "talk": 0.15}  # of the scenes, with music
ALONE_DB, BED_DB, LAUGHTER_DB = (-4.0, 0.0), (-18.0, -11.0), (-10.0, -3.0)
LAUGHTER_S = (0.8, 2.2)
LAUGHTER_SHARE = 0.2  # of the turns of talks and calls, after which there is some


def plan_interview(spec: InterviewSpec) -> Interview:
    """Return the plan that ``spec`` determines; draws nothing and makes no sound."""
    rng = keyed_rng("interview", spec.seed)
    n_talkers = spec.n_talkers or FEWEST_TALKERS + spec.seed % (MOST_TALKERS + 1 - FEWEST_TALKERS)
    shots: list[Shot] = []
    turns: list[Turn] = []
    backings: list[Backing] = []
    for scene in draw_scenes(rng, spec):
        span_s = float(scene.first / spec.fps), float(scene.end / spec.fps)
        voices, present = _cast(rng, scene.kind, n_talkers)
        spoken = converse(rng, voices, (interviewer(n_talkers),), span_s) if voices else []
        at = Set(
            rng=rng,
            spec=spec,
            n_talkers=n_talkers,
            scene=scene,
            turns=spoken,
            present=present,
            room=_room(rng, scene),
            has_second_camera=bool(rng.random() < SECOND_CAMERA_SHARE),
        )
        for first, end in draw_cuts(rng, scene, spec):
            shots.append(at.frame_shot(len(shots), first, end))
        turns += spoken
        backings += _backings(rng, scene.kind, span_s, spoken)
    return Interview(
        spec=spec,
        n_talkers=n_talkers,
        shots=tuple(shots),
        turns=tuple(turns),
        backings=tuple(sorted(backings, key=lambda one: one.start_s)),
    )


def _cast(rng: np.random.Generator, kind: SceneKind, n_talkers: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return whose voices are heard in a scene, and which talkers may be in its pictures."""
    talkers = tuple(int(person) for person in rng.permutation(n_talkers))
    asks, tells = interviewer(n_talkers), narrator(n_talkers)
    if kind == "title":
        return (), ()
    if kind == "narration":
        return (tells if rng.random() < 0.6 else talkers[0],), ()
    if kind == "dubbing":
        return (tells if rng.random() < 0.5 else talkers[0],), talkers[1:3]
    if kind == "lecture":
        asking = ((), (asks,), talkers[1:2])[int(rng.integers(3))]
        return (talkers[0], *asking), talkers[:2]
    if kind == "call":
        everybody = tuple(sorted(talkers))
        return (*everybody, *((asks,) if rng.random() < 0.25 else ())), everybody
    if rng.random() < ALONE_SHARE:
        return (talkers[0], asks), talkers[:1]
    some = talkers[: int(rng.integers(2, min(3, n_talkers) + 1))]
    return (*some, *((asks,) if rng.random() < ASKED_SHARE else ())), some


def _room(rng: np.random.Generator, scene: Scene) -> str:
    is_studio = scene.kind == "talk" and (scene.number <= 1 or rng.random() < STUDIO_SHARE)
    return STUDIO if is_studio else f"scene{scene.number}"


def _backings(
    rng: np.random.Generator, kind: SceneKind, span_s: tuple[float, float], turns: list[Turn]
) -> list[Backing]:
    """Return the music under a scene, and laughter after some of its turns."""
    found = []
    if rng.random() < BED_SHARE.get(kind, 0.0):
        found.append(_backing("music", span_s, float(rng.uniform(*(BED_DB if turns else ALONE_DB)))))
    if kind in ("talk", "call"):
        for turn in turns:
            length_s = float(rng.uniform(*LAUGHTER_S))
            if rng.random() < LAUGHTER_SHARE and turn.end_s + length_s < span_s[1]:
                level_db = float(rng.uniform(*LAUGHTER_DB))
                found.append(_backing("laughter", (turn.end_s, turn.end_s + length_s), level_db))
    return found


def _backing(kind: SoundKind, span_s: tuple[float, float], level_db: float) -> Backing:
    return Backing(kind=kind, start_s=round(span_s[0], 4), end_s=round(span_s[1], 4), level_db=round(level_db, 2))
