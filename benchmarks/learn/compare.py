"""The evaluation of ``make learn``: held-out persons inpainted by their own voice and by others'."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.learn.data import Talkers, flat, open_talkers
from benchmarks.learn.params import EvaluationParams, LearnParams
from benchmarks.learn.ridge import Reals, explained_variance, fit_ridge
from benchmarks.learn.train import RECOGNITION, VOICE, ComparedGenerator
from benchmarks.learn.trait_regressor import TraitRegressor, visible_traits
from model.data.masks import Mask, draw_mask
from model.evaluation.metrics.image import l1_masked
from model.evaluation.metrics.intervals import Estimate, estimate_mean
from model.evaluation.networks.recognisers import MOBILEFACENET, cosine_distances, load_recogniser
from model.inference.inpaint import inpaint_face
from model.networks.generator_file import load_generator
from model.networks.voice import load_voice_network
from model.training.run_settings import read_run_settings
from pipeline.core.base.arrays import FramesRGB, ImageRGB
from pipeline.core.base.errors import WeightsUnavailable
from pipeline.core.base.torch_threads import single_thread
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.synthetic.script.traits import VOICE_TRAITS
from pipeline.weights.fetch import find_weights

PROBE_PENALTY = 0.01


class Swaps(NamedTuple):
    """N voice swaps: the persons of the faces, and of the voices that inpaint them, by number."""

    face: NDArray[np.intp]
    voice: NDArray[np.intp]


def draw_swaps(n_persons: int, params: EvaluationParams) -> Swaps:
    """Return ``voices_per_face`` swaps for each person's face, by other persons' voices drawn at random."""
    rng = np.random.default_rng(params.seed)
    pairs = [
        (face, voice)
        for face in range(n_persons)
        for voice in rng.permutation(np.delete(np.arange(n_persons), face))[: params.voices_per_face]
    ]
    return Swaps(*np.array(pairs, np.intp).T)


def inpaint_held_out(generator: ComparedGenerator, params: LearnParams, folder: Path) -> str:
    """Inpaint all faces of the held-out persons by their own voice, the first ones also by others'; write them."""
    _, talkers = open_talkers(params.talkers, folder)
    network = load_generator(folder / generator.file).to(read_run_settings().device)
    mask = released_mask(params)

    def inpaint(face: NDArray[np.uint8], voice: int) -> NDArray[np.uint8]:
        with single_thread():
            return inpaint_face(network, face, mask, talkers.log_mels[voice, 0]).face

    own = [inpaint(face, person) for person, faces in enumerate(talkers.faces) for face in faces]
    swaps = draw_swaps(len(talkers.traits), params.evaluation)
    swapped = [inpaint(talkers.faces[face, 0], voice) for face, voice in zip(*swaps, strict=True)]
    np.savez(folder / f"{generator.name}.npz", own=np.stack(own), swapped=np.stack(swapped))
    return f"{generator.name}: {len(own) + len(swapped)} faces of held-out persons are inpainted"


def released_mask(params: LearnParams) -> Mask:
    """Return the mask of all evaluated faces, (256, 256)."""
    return draw_mask(params.mask, np.random.default_rng(params.evaluation.seed))


class InpaintedFaces(NamedTuple):
    """The results of ``inpaint_held_out``: P * K faces of P persons by their own voice, and N by others'."""

    own: FramesRGB
    swapped: FramesRGB


def read_inpainted_faces(generator: ComparedGenerator, folder: Path) -> InpaintedFaces:
    """Return a generator's inpainted faces."""
    with np.load(folder / f"{generator.name}.npz") as arrays:
        return InpaintedFaces(arrays["own"], arrays["swapped"])


def masked_errors(inpainted: FramesRGB, talkers: Talkers, mask: Mask) -> Reals:
    """Return each face's mean absolute difference to the true face inside the mask, in grey levels."""
    return np.array([l1_masked(face, true, mask) for face, true in zip(inpainted, flat(talkers.faces), strict=True)])


class Recogniser(Protocol):
    """A face recognition network trained here, or one of ``model.evaluation.networks.recognisers``."""

    def embed(self, faces: Sequence[ImageRGB]) -> NDArray[np.float32]:
        """Return (N, D) features of N aligned faces."""


def load_recognisers(folder: Path) -> dict[str, Recogniser]:
    """Return the network trained on talkers, and where it is available one trained on real people, by name."""
    recognisers: dict[str, Recogniser] = {"recognition": FaceRecogniser(folder / RECOGNITION)}
    try:
        recognisers["MobileFaceNet"] = load_recogniser(MOBILEFACENET, find_weights(MOBILEFACENET))
    except WeightsUnavailable as error:
        print(f"unavailable  identity distance by MobileFaceNet: {error}")
    return recognisers


def identity_distances(inpainted: FramesRGB, talkers: Talkers, recogniser: Recogniser) -> Reals:
    """Return each face's 1 - cosine between the embeddings of inpainted and true face."""
    return np.asarray(
        cosine_distances(recogniser.embed(list(inpainted)), recogniser.embed(list(flat(talkers.faces)))), np.float64
    )


def estimate(values: Reals, persons: Sequence[str], params: EvaluationParams) -> Estimate:
    """Return the mean, with its interval over persons."""
    mean = estimate_mean(values, persons, n_draws=params.n_bootstrap, confidence=params.confidence, seed=params.seed)
    assert mean is not None
    return mean


@dataclass(frozen=True, slots=True)
class SwapEffect:
    """How the traits read from a face change when it is inpainted by another person's voice.

    A case is one trait of one swap. It counts 1 when the trait changes towards that of the voice's person, 0 when it
    changes away, 1/2 when it does not change; ``share`` is the mean over all cases, ``trait_shares`` by trait.
    ``slopes`` are of the change on the difference of the persons, by least squares: 1 is all of it, 0 none.
    """

    share: Estimate
    trait_shares: dict[str, float]
    n_cases: dict[str, int]
    slopes: dict[str, float]


def measure_swap_effect(
    inpainted_faces: InpaintedFaces, talkers: Talkers, regressor: TraitRegressor, params: EvaluationParams
) -> SwapEffect:
    """Return how the traits of the held-out persons' first faces follow the voices that inpaint them."""
    swaps = draw_swaps(len(talkers.traits), params)
    n_faces = talkers.faces.shape[1]
    true, own = regressor.read(talkers.faces[:, 0]), regressor.read(inpainted_faces.own[::n_faces])
    changes = regressor.read(inpainted_faces.swapped) - own[swaps.face]
    expected = true[swaps.voice] - true[swaps.face]
    visible = visible_traits(talkers.voice_traits)
    is_case = np.abs(visible[swaps.voice] - visible[swaps.face]) >= params.swap_min_difference
    follows = (1 + np.sign(changes) * np.sign(expected)) / 2
    cases, _ = np.nonzero(is_case)
    persons = [talkers.face_persons[swaps.face[swap] * n_faces] for swap in cases]
    columns = dict(zip(VOICE_TRAITS, zip(follows.T, changes.T, expected.T, is_case.T, strict=True), strict=True))
    return SwapEffect(
        share=estimate(follows[is_case], persons, params),
        trait_shares={name: float(follow[case].mean()) for name, (follow, _, _, case) in columns.items()},
        n_cases={name: int(case.sum()) for name, (_, _, _, case) in columns.items()},
        slopes={
            name: float(change[case] @ gap[case] / (gap[case] @ gap[case]))
            for name, (_, change, gap, case) in columns.items()
        },
    )


def probe_voices(params: LearnParams, folder: Path) -> dict[str, float]:
    """Return for each trait the R^2 of a linear probe on voice embeddings, over held-out segments."""
    network = load_voice_network(folder / VOICE)
    train, held_out = open_talkers(params.talkers, folder)
    embeddings, traits = [], []
    with torch.inference_mode():
        for talkers in (train, held_out):
            rows = [network.embed(torch.from_numpy(log_mels)).numpy() for log_mels in talkers.log_mels]
            embeddings.append(np.concatenate(rows).astype(np.float64))
            traits.append(np.repeat(talkers.voice_traits, talkers.log_mels.shape[1], axis=0))
    probe = fit_ridge(embeddings[0], traits[0], PROBE_PENALTY)
    return dict(zip(VOICE_TRAITS, explained_variance(probe.read(embeddings[1]), traits[1]).tolist(), strict=True))
