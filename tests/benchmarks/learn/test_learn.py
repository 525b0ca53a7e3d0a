"""The experiment's persons, its shuffled voices, and what counts as following a voice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.learn.compare import InpaintedFaces, draw_swaps, measure_moves
from benchmarks.learn.data import People, flat, make_people, open_people
from benchmarks.learn.params import LearnParams, read_learn_params
from benchmarks.learn.train import shuffled_data
from benchmarks.learn.trait_meter import TraitMeter
from model.data.samples import TrainingSamples
from model.data.split import DatasetSplit
from pipeline.synthetic.script.traits import HEARD


@pytest.fixture(scope="module")
def params() -> LearnParams:
    return read_learn_params(quick=True)


@pytest.fixture(scope="module")
def everybody(params: LearnParams, tmp_path_factory: pytest.TempPathFactory) -> tuple[People, People]:
    folder: Path = tmp_path_factory.mktemp("people")
    with ThreadPoolExecutor(1) as workers:
        make_people(params.people, params.audio, folder, workers)
    return open_people(params.people, folder)


class _MeanMeter(TraitMeter):
    """Reads five times how bright a face is."""

    def __init__(self) -> None:
        super().__init__(())

    def read(self, faces: np.ndarray) -> np.ndarray:
        return np.tile(faces.mean(axis=(1, 2, 3))[:, None], (1, 5))


def test_all_persons_sit_in_one_studio_and_none_looks_or_sounds_like_another(everybody: tuple[People, People]) -> None:
    faces = np.concatenate([flat(people.faces) for people in everybody])
    assert (np.ptp(faces[:, :8, :8].astype(int), axis=0) == 0).all()
    middles = faces[:, 89:217, 64:192].reshape(len(faces), -1)
    assert len(np.unique(middles, axis=0)) == len(faces)
    for people in everybody:
        assert people.log_mels.shape == (len(people.traits), 2, 64, 1000)
        assert len({one.tobytes() for one in flat(people.log_mels)}) == 2 * len(people.traits)


def test_persons_differ_much_in_what_is_heard_and_little_in_all_else(
    everybody: tuple[People, People], params: LearnParams
) -> None:
    reach = params.people.unheard_spread / 2
    for person in (one for people in everybody for one in people.traits):
        unheard = [value for name, value in asdict(person).items() if name not in HEARD]
        assert all(0.5 - reach <= value <= 0.5 + reach for value in unheard)
    heard = np.concatenate([people.heard for people in everybody])
    assert (np.ptp(heard, axis=0) > 0.5).all()


def test_nobody_held_out_is_trained_on(everybody: tuple[People, People], params: LearnParams) -> None:
    known, held_out = everybody
    assert (len(known.traits), len(held_out.traits)) == (params.people.n_train, params.people.n_held_out)
    assert not set(known.traits) & set(held_out.traits)


def test_shuffled_pretraining_gives_each_person_the_voice_that_the_main_training_gives_it(
    everybody: tuple[People, People], params: LearnParams
) -> None:
    known, _ = everybody
    shuffled = shuffled_data(known, params.train.seed)
    data = DatasetSplit.from_arrays(
        flat(known.faces), flat(known.log_mels), None, known.face_persons, known.segment_persons
    )
    samples = TrainingSamples(data, params.train.model_copy(update={"shuffle_voices": True}), params.mask)
    for k in range(24):
        sample = samples[k]
        person = int(data.person_of_face[sample.face_row])
        heard = [shuffled.log_mel(int(row)) for row in shuffled.segments_of(person)]
        assert any(np.array_equal(sample.log_mel_MT.numpy(), one) for one in heard)
        own = [data.log_mel(int(row)) for row in data.segments_of(person)]
        assert not any(np.array_equal(sample.log_mel_MT.numpy(), one) for one in own)


def test_a_swap_is_never_by_the_own_voice_and_nobody_is_heard_twice(params: LearnParams) -> None:
    judge = params.judge.model_copy(update={"voices_per_face": 3})
    swaps = draw_swaps(5, judge)
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
def test_a_case_follows_when_the_reading_goes_towards_the_voices_person(
    everybody: tuple[People, People], params: LearnParams, inpaint: object, share: float, way: float
) -> None:
    _, people = everybody
    n_persons, n_faces = people.faces.shape[:2]
    levels = 100 + 10 * np.arange(n_persons)
    faces = np.broadcast_to(levels[:, None, None, None, None], (n_persons, n_faces, 8, 8, 3)).astype(np.uint8)
    people = People(people.traits, faces, people.log_mels)
    judge = params.judge.model_copy(update={"voices_per_face": n_persons - 1, "swap_apart": 1e-9})
    swaps = draw_swaps(n_persons, judge)
    swapped = inpaint(faces[:, 0].astype(int), swaps.face, swaps.voice).astype(np.uint8)  # type: ignore[operator]
    moves = measure_moves(InpaintedFaces(flat(faces), swapped), people, _MeanMeter(), judge)
    assert moves.share.value == share
    assert moves.n_cases == dict.fromkeys(HEARD, len(swaps.face))
    assert set(moves.trait_shares.values()) == {share}
    assert list(moves.ways.values()) == pytest.approx([way] * 5)
