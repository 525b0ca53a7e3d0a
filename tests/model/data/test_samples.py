import hashlib
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from model.data.masks import draw_mask
from model.data.samples import LoaderSettings, PackedBatch, Sample, TrainingSamples, load_batches
from model.data.samples_draw import assign_other_persons
from model.data.split import DatasetSplit, open_split
from model.settings import MaskParams
from pipeline.core.base.errors import BadInput
from pipeline.core.base.seeds import keyed_rng
from pipeline.core.records.person import TRAIN
from tests.model.params_of import train_params
from tests.model.small_split import small_split

PLAIN = train_params(batch=4, seed=5)
RECTANGLE = MaskParams(kind="rectangle_random", size_px=128, image=None)


def samples_of(split: DatasetSplit, **changed: object) -> TrainingSamples:
    return TrainingSamples(split, PLAIN.model_copy(update=changed), RECTANGLE)


def segment_row(sample: Sample) -> int:
    """Of the splits of arrays, whose first value of a log-mel is its row."""
    return int(sample.log_mel_MT[0, 0])


def bits(sample: Sample | PackedBatch) -> list[bytes]:
    return [part.numpy().tobytes() if isinstance(part, torch.Tensor) else repr(part).encode() for part in sample]


@pytest.fixture(scope="module")
def split(make_array_split: Callable[..., DatasetSplit]) -> DatasetSplit:
    """Six persons, three faces of 32 px and four segments each."""
    return make_array_split()


def test_a_sample_is_a_face_with_mask_log_mel_and_label_as_the_networks_take_them(split: DatasetSplit) -> None:
    sample = samples_of(split, flip_share=0, grey_share=0, label_of="same_face")[0]
    assert sample.face_CHW.shape == (3, 32, 32)
    expected = split.face(sample.face_row).transpose(2, 0, 1).astype(np.float32) / np.float32(127.5) - 1
    assert np.array_equal(sample.face_CHW.numpy(), expected)
    assert sample.mask_1HW.shape == (1, 32, 32)
    assert sample.mask_1HW.dtype == torch.float32
    assert sample.mask_1HW.sum() == 16 * 16
    assert np.array_equal(sample.log_mel_MT.numpy(), split.log_mel(segment_row(sample)))
    assert np.array_equal(sample.label_D.numpy(), split.label(sample.face_row))


def test_black_is_minus_one_and_white_is_one() -> None:
    faces = np.zeros((1, 32, 32, 3), np.uint8)
    faces[0, 16:] = 255
    source = DatasetSplit.from_arrays(faces, np.zeros((1, 4, 5), np.float32), None, ["a"], ["a"])
    face_CHW = samples_of(source)[0].face_CHW
    assert (face_CHW[:, :16] == -1).all()
    assert (face_CHW[:, 16:] == 1).all()


def test_sample_k_is_the_same_whatever_came_before(split: DatasetSplit) -> None:
    in_order, samples = [bits(samples_of(split)[k]) for k in range(40)], samples_of(split)
    for k in (39, 3, 18, 17, 0, 39, 36, 35):
        assert bits(samples[k]) == in_order[k]
    assert len(set(map(tuple, in_order))) == 40


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("rectangle_random", "be40bafee308d5eba3f1890aaaf490ce04ba17fa976f54c1e856218cb167604d"),
        ("strokes_medium", "251f672109e2ef364012f11db9966c7432bc9c9dbb1a0337aed686cdf84bd2f3"),
    ],
)
def test_samples_are_drawn_as_when_each_was_loaded_by_itself_as_float32(kind: str, digest: str) -> None:
    """The digests are of the loader that decoded a PNG for each sample."""
    params = train_params(batch=4, seed=5, flip_share=0.5, grey_share=0.3)
    samples = TrainingSamples(small_split(3, 3), params, MaskParams(kind=kind, size_px=128, image=None))  # type: ignore[arg-type]
    assert hashlib.sha256(b"".join(part for k in range(40) for part in bits(samples[k]))).hexdigest() == digest


def test_a_loaded_face_has_a_third_of_the_bytes_that_networks_take(split: DatasetSplit) -> None:
    packed = samples_of(split).load(range(4))
    n_bytes, n_unpacked = (sum(part.nbytes for part in batch[:2]) for batch in (packed, packed.unpacked()))
    assert (n_bytes, n_unpacked) == (4 * (3 * 32 * 32 + 32 * 4), 4 * (3 + 1) * 4 * 32 * 32)
    assert packed.face_BHWC.dtype == packed.mask_BHN.dtype == torch.uint8


def test_another_seed_gives_other_samples(split: DatasetSplit) -> None:
    assert [bits(samples_of(split)[k]) for k in range(5)] != [bits(samples_of(split, seed=-6)[k]) for k in range(5)]


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_batches(made, tmp_path: Path, workers: int) -> None:
    samples = samples_of(open_split(made.at, tmp_path, split=TRAIN, standard_only=True))
    alone = [bits(batch) for batch in load_batches(samples, first=0, n=5, batch=4)]
    assert [
        bits(batch)
        for batch in load_batches(samples, first=0, n=5, batch=4, settings=LoaderSettings(n_workers=workers))
    ] == alone


def test_samples_read_from_a_pickle_are_the_same(made, tmp_path: Path) -> None:
    samples = samples_of(open_split(made.at, tmp_path, split=TRAIN, standard_only=True))
    again = pickle.loads(pickle.dumps(samples))
    assert [bits(again[k]) for k in (0, 13)] == [bits(samples[k]) for k in (0, 13)]


def test_loading_resumes_at_any_step(split: DatasetSplit) -> None:
    samples = samples_of(split)
    whole = [bits(batch) for batch in load_batches(samples, first=0, n=12, batch=5)]
    assert len(whole) == 12
    for first in (1, 3, 4, 11):
        rest = [bits(batch) for batch in load_batches(samples_of(split), first=first, n=12 - first, batch=5)]
        assert rest == whole[first:]
    assert list(load_batches(samples, first=12, n=0, batch=5)) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_loading_takes_no_random_numbers_from_torch(split: DatasetSplit, workers: int) -> None:
    before = torch.get_rng_state()
    assert (
        len(list(load_batches(samples_of(split), first=0, n=2, batch=2, settings=LoaderSettings(n_workers=workers))))
        == 2
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_a_batch_is_its_samples_in_order(split: DatasetSplit) -> None:
    samples = samples_of(split)
    (packed,) = load_batches(samples, first=3, n=1, batch=5)
    batch = packed.unpacked()
    expected = [samples[k] for k in range(15, 20)]
    for name, part in zip(Sample._fields[:-1], batch[:-1], strict=True):
        assert torch.equal(part, torch.stack([getattr(sample, name) for sample in expected])), name
    assert batch.face_row_B.tolist() == [sample.face_row for sample in expected]
    assert batch.face_row_B.dtype == torch.int64


@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_the_ranks_shares_in_order_are_the_batch(split: DatasetSplit, world: int) -> None:
    samples = samples_of(split)
    alone = list(load_batches(samples, first=2, n=3, batch=6))
    shares = [
        list(load_batches(samples, first=2, n=3, batch=6, settings=LoaderSettings(rank=rank, world_size=world)))
        for rank in range(world)
    ]
    for step, batch in enumerate(alone):
        for name in PackedBatch._fields:
            joined = torch.cat([getattr(share[step], name) for share in shares])
            assert torch.equal(joined, getattr(batch, name)), name


def test_a_batch_that_the_processes_cannot_share_is_refused(split: DatasetSplit) -> None:
    with pytest.raises(BadInput, match="a batch of 6 can't be shared by 4 processes"):
        load_batches(samples_of(split), first=0, n=1, batch=6, settings=LoaderSettings(world_size=4))


def test_every_face_is_seen_once_an_epoch_and_in_another_order_each_time(split: DatasetSplit) -> None:
    samples = samples_of(split)
    epochs = [[samples[k].face_row for k in range(epoch * 18, (epoch + 1) * 18)] for epoch in range(3)]
    assert all(sorted(epoch) == list(range(18)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_segment_is_one_of_the_same_person_and_all_are_as_likely(make_array_split) -> None:
    split = make_array_split(n_persons=2, n_faces=1, n_segments=4, face_px=16)
    samples = samples_of(split)
    seen = Counter((one.face_row, segment_row(one)) for one in map(samples.__getitem__, range(1200)))
    assert set(seen) == {(face, 4 * face + place) for face in range(2) for place in range(4)}
    assert chi_square(seen) < 24.3  # of 7 degrees of freedom: by chance once in a thousand


def test_the_label_is_that_of_another_face_of_the_person_and_all_others_are_as_likely(make_array_split) -> None:
    split = make_array_split(n_persons=2, n_faces=3, n_segments=1, face_px=16)
    samples = samples_of(split, label_of="other_face")
    seen = Counter((one.face_row, int(one.label_D[0])) for one in map(samples.__getitem__, range(1200)))
    assert set(seen) == {(a, b) for a in range(6) for b in range(6) if a != b and a // 3 == b // 3}
    assert chi_square(seen) < 31.3  # of 11 degrees of freedom


def test_the_label_is_that_of_any_face_of_the_person_and_its_own_is_as_likely(make_array_split) -> None:
    split = make_array_split(n_persons=2, n_faces=2, n_segments=1, face_px=16)
    samples = samples_of(split, label_of="any_face")
    seen = Counter((one.face_row, int(one.label_D[0])) for one in map(samples.__getitem__, range(1200)))
    assert set(seen) == {(a, b) for a in range(4) for b in range(4) if a // 2 == b // 2}
    assert chi_square(seen) < 24.3  # of 7 degrees of freedom


def chi_square(seen: Counter) -> float:
    expected = seen.total() / len(seen)
    return sum((count - expected) ** 2 / expected for count in seen.values())


def test_the_label_is_that_of_the_face_itself_when_asked_for(split: DatasetSplit) -> None:
    samples = samples_of(split, label_of="same_face")
    assert all((samples[k].label_D == samples[k].face_row).all() for k in range(20))


def test_the_label_of_an_only_face_is_its_own(make_array_split) -> None:
    samples = samples_of(make_array_split(n_persons=3, n_faces=1), label_of="other_face")
    assert all(samples[k].label_D[0] == samples[k].face_row for k in range(6))


def test_a_mirrored_face_has_the_mask_of_one_that_is_not(split: DatasetSplit) -> None:
    plain, mirrored = samples_of(split, flip_share=0, grey_share=0), samples_of(split, flip_share=1, grey_share=0)
    for k in range(5):
        assert torch.equal(mirrored[k].face_CHW, plain[k].face_CHW.flip(2))
        assert not torch.equal(mirrored[k].face_CHW, plain[k].face_CHW)
        assert torch.equal(mirrored[k].mask_1HW, plain[k].mask_1HW)
        assert bits(mirrored[k])[1:] == bits(plain[k])[1:]


def test_faces_are_mirrored_and_greyed_as_often_as_asked(split: DatasetSplit) -> None:
    plain, samples = samples_of(split, flip_share=0, grey_share=0), samples_of(split, flip_share=0.5, grey_share=0.1)
    n_grey = n_flipped = 0
    for k in range(400):
        face_CHW = samples[k].face_CHW
        grey = torch.equal(face_CHW[0], face_CHW[1])
        n_grey += grey
        n_flipped += not grey and torch.equal(face_CHW, plain[k].face_CHW.flip(2))
    assert 20 <= n_grey <= 62
    assert 148 <= n_flipped <= 212  # of the 360 or so that keep their colours


def test_a_greyed_face_has_its_luma_in_all_channels(split: DatasetSplit) -> None:
    sample = samples_of(split, flip_share=0, grey_share=1)[0]
    luma = split.face(sample.face_row) @ np.array([0.299, 0.587, 0.114])
    for channel in (sample.face_CHW.numpy() + 1) * 127.5:
        assert np.abs(channel - luma).max() < 0.51


def test_the_mask_is_drawn_anew_for_each_sample_by_its_kind(split: DatasetSplit) -> None:
    samples = samples_of(split)
    assert len({samples[k].mask_1HW.numpy().tobytes() for k in range(10)}) > 5
    expected = draw_mask(RECTANGLE, keyed_rng("training", "mask", PLAIN.seed, 7), 32)
    assert np.array_equal(samples[7].mask_1HW[0].numpy(), expected)


def test_with_shuffled_voices_nobody_keeps_their_own_and_all_have_one_other_person_s(split: DatasetSplit) -> None:
    voices: dict[int, set[int]] = {}
    samples = samples_of(split, shuffle_voices=True)
    for k in range(150):
        voices.setdefault(samples[k].face_row // 3, set()).add(segment_row(samples[k]) // 4)
    assert set(voices) == set(range(6))
    assert all(len(persons) == 1 for persons in voices.values())
    assert sorted(person for persons in voices.values() for person in persons) == list(range(6))
    assert all(person not in persons for person, persons in voices.items())
    again = samples_of(split, shuffle_voices=True)
    assert [bits(again[k]) for k in range(9)] == [bits(samples[k]) for k in range(9)]


def test_shuffling_voices_changes_nothing_else(split: DatasetSplit) -> None:
    own, shuffled = samples_of(split), samples_of(split, shuffle_voices=True)
    for k in range(20):
        assert [*bits(own[k])[:2], *bits(own[k])[3:]] == [*bits(shuffled[k])[:2], *bits(shuffled[k])[3:]]


@pytest.mark.parametrize("n_persons", [2, 3, 50])
def test_everybody_gets_another_one_nobody_twice_and_another_seed_another_order(n_persons: int) -> None:
    persons = np.arange(10, 10 + n_persons)
    for seed in range(20):
        given = assign_other_persons(persons, seed)
        assert sorted(given) == sorted(given.values()) == persons.tolist()
        assert all(one != other for one, other in given.items())
    assert n_persons == 2 or len({tuple(assign_other_persons(persons, seed).items()) for seed in range(20)}) > 1


def test_voices_of_one_person_cannot_be_shuffled(make_array_split) -> None:
    with pytest.raises(BadInput, match=r"'train\.shuffle_voices'.* expected 2 or more, found 1"):
        samples_of(make_array_split(n_persons=1), shuffle_voices=True)


def test_a_split_without_labels_has_labels_of_no_values(make_array_split) -> None:
    samples = samples_of(make_array_split(labelled=False))
    (batch,) = load_batches(samples, first=0, n=1, batch=3)
    assert batch.label_BD.shape == (3, 0)
    assert len(samples.rows) == 18


def test_persons_without_a_segment_take_no_part_and_are_counted() -> None:
    faces, log_mels = np.zeros((5, 16, 16, 3), np.uint8), np.zeros((2, 4, 5), np.float32)
    source = DatasetSplit.from_arrays(faces, log_mels, None, ["a", "b", "b", "c", "c"], ["a", "c"])
    samples = samples_of(source)
    assert samples.rows.tolist() == [0, 3, 4]
    assert samples.persons.tolist() == [0, 2]
    assert {samples[k].face_row for k in range(3)} == {0, 3, 4}
    assert samples.summary() == (
        "2 persons and 3 faces take part; 1 persons and 2 faces do not: 1 persons have no segment, 0 faces no label"
    )


def test_faces_without_a_label_take_no_part_and_are_counted(make_dataset, tmp_path: Path) -> None:
    half = make_dataset(unlabelled=("ana",))
    samples = samples_of(open_split(half.at, tmp_path, split=TRAIN, standard_only=True))
    assert len(samples.rows) == 4
    assert samples.summary() == (
        "1 persons and 4 faces take part; 1 persons and 8 faces do not: 0 persons have no segment, 8 faces no label"
    )


def test_nothing_to_learn_from_is_refused_in_one_sentence() -> None:
    faces, log_mels = np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 4, 5), np.float32)
    source = DatasetSplit.from_arrays(faces, log_mels, None, ["a"], ["b"])
    with pytest.raises(BadInput, match=r"no face has .* a segment of its person's voice, of 2 persons, 1 faces"):
        samples_of(source)


SAME = {("one", "one"), ("two", "two")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("segment_of", "expected"), [("same_dataset", SAME), ("same_person", SAME | {("one", "two"), ("two", "one")})]
)
def test_a_face_hears_a_segment_of_another_dataset_only_where_the_params_say_so(
    segment_of: str, expected: set[tuple[str, str]], made, tmp_path: Path
) -> None:
    split = open_split(made.at, tmp_path, split=TRAIN, standard_only=True)
    by_bits = {split.log_mel(row).tobytes(): split.segment_ids[row] for row in range(split.n_segments)}
    samples = samples_of(split, segment_of=segment_of)
    pairs = set()
    for k in range(100):
        sample = samples[k]
        segment = by_bits[sample.log_mel_MT.numpy().tobytes()]
        face = split.face_ids[sample.face_row]
        assert face.split("/")[1][:3] == segment.split("/")[1][:3]
        pairs.add((face[:3], segment[:3]))
    assert pairs == expected


def test_reading_samples_keeps_nothing_in_memory(made, tmp_path: Path) -> None:
    samples = samples_of(open_split(made.at, tmp_path, split=TRAIN, standard_only=True))
    samples[0]
    before = pa.total_allocated_bytes()
    for k in range(24):
        samples[k]
    assert pa.total_allocated_bytes() == before
