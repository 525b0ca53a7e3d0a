"""The talkers of ``make learn``, shuffled voices, and when a trait follows a voice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.learn.compare import InpaintedFaces, draw_swaps, measure_swap_effect
from benchmarks.learn.data import Talkers, flat, make_talkers, open_talkers
from benchmarks.learn.params import LearnParams, read_learn_params
from benchmarks.learn.train import shuffled_data
from benchmarks.learn.trait_regressor import TraitRegressor
from model.data.samples import TrainingSamples
from model.data.split import DatasetSplit
from pipeline.synthetic.script.traits import VOICE_TRAITS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def params() -> LearnParams:
    return read_learn_params(quick=True)


@pytest.fixture(scope="module")
def both_sets(params: LearnParams, tmp_path_factory: pytest.TempPathFactory) -> tuple[Talkers, Talkers]:
    folder: Path = tmp_path_factory.mktemp("talkers")
    with ThreadPoolExecutor(1) as workers:
        make_talkers(params.talkers, params.audio, folder, workers)
    return open_talkers(params.talkers, folder)


class _MeanRegressor(TraitRegressor):
    """Reads the mean brightness as each of five traits."""

    def __init__(self) -> None:
        super().__init__(())

    def read(self, faces: np.ndarray) -> np.ndarray:
        return np.tile(faces.mean(axis=(1, 2, 3))[:, None], (1, 5))


def test_all_persons_are_in_one_studio_and_no_two_look_or_sound_alike(both_sets: tuple[Talkers, Talkers]) -> None:
    faces = np.concatenate([flat(talkers.faces) for talkers in both_sets])
    assert (np.ptp(faces[:, :8, :8].astype(int), axis=0) == 0).all()
    middles = faces[:, 89:217, 64:192].reshape(len(faces), -1)
    assert len(np.unique(middles, axis=0)) == len(faces)
    for talkers in both_sets:
        assert talkers.log_mels.shape == (len(talkers.traits), 2, 64, 1000)
        assert len({one.tobytes() for one in flat(talkers.log_mels)}) == 2 * len(talkers.traits)


def test_persons_differ_much_in_voice_traits_and_little_in_others(
    both_sets: tuple[Talkers, Talkers], params: LearnParams
) -> None:
    reach = params.talkers.other_trait_range / 2
    for person in (one for talkers in both_sets for one in talkers.traits):
        other = [value for name, value in asdict(person).items() if name not in VOICE_TRAITS]
        assert all(0.5 - reach <= value <= 0.5 + reach for value in other)
    traits = np.concatenate([talkers.voice_traits for talkers in both_sets])
    assert (np.ptp(traits, axis=0) > 0.5).all()


def test_nobody_held_out_is_trained_on(both_sets: tuple[Talkers, Talkers], params: LearnParams) -> None:
    train, held_out = both_sets
    assert (len(train.traits), len(held_out.traits)) == (params.talkers.n_train, params.talkers.n_held_out)
    assert not set(train.traits) & set(held_out.traits)


def test_shuffled_pretraining_gives_each_person_the_voice_that_the_main_training_gives_it(
    both_sets: tuple[Talkers, Talkers], params: LearnParams
) -> None:
    train, _ = both_sets
    shuffled = shuffled_data(train, params.train.seed)
    data = DatasetSplit.from_arrays(
        flat(train.faces), flat(train.log_mels), None, train.face_persons, train.segment_persons
    )
    samples = TrainingSamples(data, params.train.model_copy(update={"shuffle_voices": True}), params.mask)
    for k in range(24):
        sample = samples[k]
        person = int(data.person_of_face[sample.face_row])
        voices = [shuffled.log_mel(int(row)) for row in shuffled.segments_of(person)]
        assert any(np.array_equal(sample.log_mel_MT.numpy(), one) for one in voices)
        own = [data.log_mel(int(row)) for row in data.segments_of(person)]
        assert not any(np.array_equal(sample.log_mel_MT.numpy(), one) for one in own)


def test_a_swap_is_never_by_the_own_voice_and_no_pair_occurs_twice(params: LearnParams) -> None:
    evaluation = params.evaluation.model_copy(update={"voices_per_face": 3})
    swaps = draw_swaps(5, evaluation)
    assert len(swaps.face) == 15
    assert (swaps.face != swaps.voice).all()
    assert len(set(zip(*swaps, strict=True))) == 15


@pytest.mark.parametrize(
    ("inpaint", "share", "way"),
    [
        (lambda true, face, voice: true[voice], 1.0, 1.0),
        (lambda true, face, voice: true[face], 0.5, 0.0),
        (lambda true, face, voice: 2 * true[face] - true[voice], 0.0, -1.0),
    ],
    ids=["to the voice's person", "not at all", "away"],
)
def test_a_case_follows_when_the_reading_changes_towards_the_voices_person(
    both_sets: tuple[Talkers, Talkers], params: LearnParams, inpaint: object, share: float, way: float
) -> None:
    _, talkers = both_sets
    n_persons, n_faces = talkers.faces.shape[:2]
    levels = 100 + 10 * np.arange(n_persons)
    faces = np.broadcast_to(levels[:, None, None, None, None], (n_persons, n_faces, 8, 8, 3)).astype(np.uint8)
    talkers = Talkers(talkers.traits, faces, talkers.log_mels)
    evaluation = params.evaluation.model_copy(update={"voices_per_face": n_persons - 1, "swap_min_difference": 1e-9})
    swaps = draw_swaps(n_persons, evaluation)
    swapped = inpaint(faces[:, 0].astype(int), swaps.face, swaps.voice).astype(np.uint8)  # type: ignore[operator]
    effect = measure_swap_effect(InpaintedFaces(flat(faces), swapped), talkers, _MeanRegressor(), evaluation)
    assert effect.share.value == share
    assert effect.n_cases == dict.fromkeys(VOICE_TRAITS, len(swaps.face))
    assert set(effect.trait_shares.values()) == {share}
    assert list(effect.slopes.values()) == pytest.approx([way] * 5)
