"""What the networks of ``make learn`` have learnt: held-out persons inpainted by their own voice and by others'."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.learn.data import People, flat, open_people
from benchmarks.learn.params import JudgeParams, LearnParams
from benchmarks.learn.ridge import Reals, explained, fit_ridge
from benchmarks.learn.train import RECOGNITION, VOICE, Contestant
from benchmarks.learn.trait_meter import TraitMeter, seen_traits
from model.data.masks import Mask, draw_mask
from model.evaluation.metrics.image import l1_masked
from model.evaluation.metrics.intervals import Estimate, estimate_mean
from model.evaluation.networks.recognisers import MOBILEFACENET, cosine_distances, load_recogniser
from model.inference.inpaint import inpaint_face
from model.networks.generator_file import load_generator
from model.networks.voice import load_voice_network
from model.training.run_settings import read_run_settings
from pipeline.base.arrays import FramesRGB, ImageRGB
from pipeline.base.errors import WeightsUnavailable
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.synthetic.script.traits import HEARD
from pipeline.weights.fetch import find_weights

PROBE_PENALTY = 0.01


class Swaps(NamedTuple):
    """N inpainted_faces of a held-out person's first face by another one's first segment: whose face, whose voice."""

    face: NDArray[np.intp]
    voice: NDArray[np.intp]


def draw_swaps(n_persons: int, params: JudgeParams) -> Swaps:
    """Return for each person's face the voices of ``voices_per_face`` others, drawn at random."""
    rng = np.random.default_rng(params.seed)
    pairs = [
        (face, voice)
        for face in range(n_persons)
        for voice in rng.permutation(np.delete(np.arange(n_persons), face))[: params.voices_per_face]
    ]
    return Swaps(*np.array(pairs, np.intp).T)


def inpaint_held_out(contestant: Contestant, params: LearnParams, folder: Path) -> str:
    """Inpaint all faces of the held-out persons by their own voice, and the first ones by others'; leave the pictures."""
    _, people = open_people(params.people, folder)
    network = load_generator(folder / contestant.file).to(read_run_settings().device)
    mask = released_mask(params)

    def inpaint(face: NDArray[np.uint8], voice: int) -> NDArray[np.uint8]:
        return inpaint_face(network, face, mask, people.log_mels[voice, 0]).face

    own = [inpaint(face, person) for person, faces in enumerate(people.faces) for face in faces]
    swaps = draw_swaps(len(people.traits), params.judge)
    swapped = [inpaint(people.faces[face, 0], voice) for face, voice in zip(*swaps, strict=True)]
    np.savez(folder / f"{contestant.name}.npz", own=np.stack(own), swapped=np.stack(swapped))
    return f"{contestant.name}: {len(own) + len(swapped)} faces of held-out persons are inpainted"


def released_mask(params: LearnParams) -> Mask:
    """Return the mask that everything is judged in."""
    return draw_mask(params.mask, np.random.default_rng(params.judge.seed))


class InpaintedFaces(NamedTuple):
    """What ``inpaint_held_out`` left: all faces of P persons by their own voice (P * K), and those by others' (N)."""

    own: FramesRGB
    swapped: FramesRGB


def read_inpainted_faces(contestant: Contestant, folder: Path) -> InpaintedFaces:
    """Return a contestant's pictures."""
    with np.load(folder / f"{contestant.name}.npz") as arrays:
        return InpaintedFaces(arrays["own"], arrays["swapped"])


def masked_errors(inpainted: FramesRGB, people: People, mask: Mask) -> Reals:
    """Return the mean absolute difference to the true face inside the mask, of each face, in grey levels."""
    return np.array([l1_masked(one, true, mask) for one, true in zip(inpainted, flat(people.faces), strict=True)])


class JudgeOfIdentity(Protocol):
    """A network that embeds faces: psi, or one of ``model.evaluation.networks.recognisers``."""

    def embed(self, faces: Sequence[ImageRGB]) -> NDArray[np.float32]:
        """Return (N, D) features of N aligned faces."""


def judges_of_identity(folder: Path) -> dict[str, JudgeOfIdentity]:
    """Return psi, which met some hundred drawn persons only, and a recogniser of real people where it can be had."""
    judges: dict[str, JudgeOfIdentity] = {"recognition": FaceRecogniser(folder / RECOGNITION)}
    try:
        judges["MobileFaceNet"] = load_recogniser(MOBILEFACENET, find_weights(MOBILEFACENET))
    except WeightsUnavailable as error:
        print(f"unavailable  identity distance by MobileFaceNet: {error}")
    return judges


def identity_distances(inpainted: FramesRGB, people: People, judge: JudgeOfIdentity) -> Reals:
    """Return 1 - cosine between the judge's features of inpainted and true face, of each face."""
    return np.asarray(cosine_distances(judge.embed(inpainted), judge.embed(flat(people.faces))), np.float64)


def estimate(values: Reals, persons: Sequence[str], params: JudgeParams) -> Estimate:
    """Return the mean, with its interval over persons."""
    found = estimate_mean(values, persons, n_draws=params.n_bootstrap, confidence=params.confidence, seed=params.seed)
    assert found is not None
    return found


@dataclass(frozen=True, slots=True)
class Moves:
    """Where the meter's readings go when a face is inpainted by another's voice.

    A case counts 1 when the reading goes towards the reading of the voice's person, 0 when it goes away, 1/2 when it
    stays. ``ways`` are by how much, least squares: 1 is all the way, 0 is nowhere.
    """

    share: Estimate
    trait_shares: dict[str, float]
    n_cases: dict[str, int]
    ways: dict[str, float]


def measure_moves(inpainted_faces: InpaintedFaces, people: People, meter: TraitMeter, params: JudgeParams) -> Moves:
    """Return how the held-out persons' first faces follow the voices that they are inpainted by."""
    swaps = draw_swaps(len(people.traits), params)
    n_faces = people.faces.shape[1]
    true, own = meter.read(people.faces[:, 0]), meter.read(inpainted_faces.own[::n_faces])
    moved = meter.read(inpainted_faces.swapped) - own[swaps.face]
    wanted = true[swaps.voice] - true[swaps.face]
    seen = seen_traits(people.heard)
    is_case = np.abs(seen[swaps.voice] - seen[swaps.face]) >= params.swap_apart
    scores = (1 + np.sign(moved) * np.sign(wanted)) / 2
    faces, _ = np.nonzero(is_case)
    persons = [people.face_persons[swaps.face[one] * n_faces] for one in faces]
    columns = dict(zip(HEARD, zip(scores.T, moved.T, wanted.T, is_case.T, strict=True), strict=True))
    return Moves(
        share=estimate(scores[is_case], persons, params),
        trait_shares={name: float(score[case].mean()) for name, (score, _, _, case) in columns.items()},
        n_cases={name: int(case.sum()) for name, (_, _, _, case) in columns.items()},
        ways={
            name: float(go[case] @ gap[case] / (gap[case] @ gap[case])) for name, (_, go, gap, case) in columns.items()
        },
    )


def probe_voices(params: LearnParams, folder: Path) -> dict[str, float]:
    """Return how much of each trait's variance over held-out segments a linear probe reads from voice embeddings."""
    network = load_voice_network(folder / VOICE)
    train, held_out = open_people(params.people, folder)
    embeddings, traits = [], []
    with torch.inference_mode():
        for people in (train, held_out):
            rows = [network.embed(torch.from_numpy(log_mels)).numpy() for log_mels in people.log_mels]
            embeddings.append(np.concatenate(rows).astype(np.float64))
            traits.append(np.repeat(people.heard, people.log_mels.shape[1], axis=0))
    probe = fit_ridge(embeddings[0], traits[0], PROBE_PENALTY)
    return dict(zip(HEARD, explained(probe.read(embeddings[1]), traits[1]).tolist(), strict=True))
