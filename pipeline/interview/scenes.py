"""The parts of an interview, and the cuts within each."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from pipeline.interview.plan import CUT_S, InterviewSpec

SceneKind = Literal["title", "talk", "narration", "dubbing", "call", "lecture"]
SCENE_S: dict[SceneKind, tuple[float, float]] = {
    "title": (2.5, 5.0),
    "talk": (15.0, 35.0),
    "narration": (5.0, 14.0),
    "dubbing": (6.0, 14.0),
    "call": (12.0, 25.0),
    "lecture": (12.0, 25.0),
}
BETWEEN_TALKS: tuple[SceneKind, ...] = ("title", "narration", "dubbing", "call", "lecture")
SHORTEST_LAST_S = 5.0  # a shorter rest is added to the scene before it
MEAN_CUT_S = 4.5
CUT_TRIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The frames ``first`` to ``end``, without the latter, of one part; ``number`` counts from 0."""

    number: int
    kind: SceneKind
    first: int
    end: int


def draw_scenes(rng: np.random.Generator, spec: InterviewSpec) -> list[Scene]:
    """Return scenes that tile the interview: talks, and between two of them one of the others."""
    kinds, lengths, rest = _kinds(rng), [], spec.n_frames
    for kind in kinds:
        n_frames = round(rng.uniform(*SCENE_S[kind]) * spec.fps)
        if rest - n_frames < SHORTEST_LAST_S * spec.fps:
            n_frames = rest
        lengths.append(n_frames)
        rest -= n_frames
        if not rest:
            break
        if len(lengths) == len(kinds):
            kinds += _kinds(rng)
    ends = np.cumsum(lengths)
    return [
        Scene(number=number, kind=kind, first=int(end) - n_frames, end=int(end))
        for number, (kind, n_frames, end) in enumerate(zip(kinds, lengths, ends, strict=False))
    ]


def _kinds(rng: np.random.Generator) -> list[SceneKind]:
    """Return each of the other kinds once, in random order, a talk before and after each; a title may come first."""
    others = [BETWEEN_TALKS[k] for k in rng.permutation(len(BETWEEN_TALKS))]
    return [kind for other in others for kind in ("talk", other)][int(others[0] == "title") :]


def draw_cuts(rng: np.random.Generator, scene: Scene, spec: InterviewSpec) -> list[tuple[int, int]]:
    """Return shots, (first, end) frames, that tile a scene; each lasts CUT_S unless the scene is shorter."""
    n_frames = scene.end - scene.first
    shortest, longest = int(np.ceil(CUT_S[0] * spec.fps)), int(CUT_S[1] * spec.fps)
    least, most = -(-n_frames // longest), max(1, n_frames // shortest)
    n_shots = int(np.clip(round(n_frames / (MEAN_CUT_S * spec.fps)), least, most))
    edges = np.rint(np.linspace(0, n_frames, n_shots + 1)).astype(int)
    for _ in range(CUT_TRIES):
        lengths = rng.uniform(*CUT_S, n_shots)
        tried = np.rint(np.concatenate([[0.0], np.cumsum(lengths)]) * n_frames / lengths.sum()).astype(int)
        if np.diff(tried).min() >= shortest and np.diff(tried).max() <= longest:
            edges = tried
            break
    return [(scene.first + int(a), scene.first + int(b)) for a, b in pairwise(edges)]
