from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from model.data.samples import LoaderSettings, load_batches
from model.data.samples_pretrain import AudioFaceSamples, VoiceSamples, hold_out_voices
from model.data.split import DatasetSplit, open_split
from pipeline.core.base.errors import BadInput
from pipeline.core.records.person import TRAIN
from tests.model.params_of import audio_face_params, voice_params

VOICE = voice_params(batch=4, seed=5, max_frames=80, holdout_share=0.5)
AUDIO_FACE = audio_face_params(batch=4, seed=5)


@pytest.fixture(scope="module")
def split(make_array_split: Callable[..., DatasetSplit]) -> DatasetSplit:
    """Six persons, three faces of 32 px and four segments each; column c of segment s is s + c / 1000."""
    return make_array_split()


@pytest.fixture(scope="module")
def voices(split: DatasetSplit) -> VoiceSamples:
    return VoiceSamples(split, VOICE, np.arange(split.n_segments))


def test_a_piece_is_a_stretch_of_the_persons_segment(split: DatasetSplit, voices: VoiceSamples) -> None:
    for k in range(24):
        sample = voices[k]
        row, start = divmod(round(float(sample.log_mel_MT[0, 0]) * 1000), 1000)
        length = sample.log_mel_MT.shape[1]
        assert sample.person == row // 4
        assert np.array_equal(sample.log_mel_MT.numpy(), split.log_mel(row)[:, start : start + length])


def test_pieces_of_a_step_are_of_one_length_and_steps_use_all_lengths(voices: VoiceSamples) -> None:
    batches = list(load_batches(voices, first=0, n=400, batch=4))
    lengths = [batch.log_mel_BMT.shape[2] for batch in batches]
    assert all(batch.log_mel_BMT.shape[:2] == (4, 64) for batch in batches)
    assert set(lengths) == set(range(30, 81))
    starts = {round(float(batch.log_mel_BMT[0, 0, 0]) * 1000) % 1000 for batch in batches}
    assert min(starts) == 0
    assert max(starts) > 55


def test_every_segment_is_used_once_an_epoch(split: DatasetSplit) -> None:
    voices = VoiceSamples(split, VOICE, np.array([1, 5, 6, 22]))
    for epoch in range(3):
        rows = sorted(int(voices[4 * epoch + place].log_mel_MT[0, 0]) for place in range(4))
        assert rows == [1, 5, 6, 22]


def test_voices_resume_at_any_step_and_are_shared_by_ranks(voices: VoiceSamples) -> None:
    alone = list(load_batches(voices, first=0, n=6, batch=4))
    rest = list(load_batches(voices, first=4, n=2, batch=4))
    for expected, batch in zip(alone[4:], rest, strict=True):
        assert torch.equal(batch.log_mel_BMT, expected.log_mel_BMT)
        assert torch.equal(batch.person_B, expected.person_B)
    shares = [
        list(load_batches(voices, first=4, n=2, batch=4, settings=LoaderSettings(rank=rank, world_size=2)))
        for rank in range(2)
    ]
    for step, batch in enumerate(rest):
        joined = torch.cat([share[step].log_mel_BMT for share in shares])
        assert torch.equal(joined, batch.log_mel_BMT)


def test_whole_log_mels_are_pieces_too(split: DatasetSplit) -> None:
    whole = VOICE.model_copy(update={"min_frames": 96, "max_frames": 96})
    assert VoiceSamples(split, whole, np.arange(24))[0].log_mel_MT.shape == (64, 96)


@pytest.mark.parametrize(("least", "most"), [(30, 97), (31, 30)])
def test_lengths_that_log_mels_do_not_have_are_refused(split: DatasetSplit, least: int, most: int) -> None:
    params = VOICE.model_copy(update={"min_frames": least, "max_frames": most})
    with pytest.raises(BadInput, match=f"min_frames <= max_frames <= 96, .* found {least} and {most}"):
        VoiceSamples(split, params, np.arange(24))


def test_no_segments_are_refused(split: DatasetSplit) -> None:
    with pytest.raises(BadInput, match="there is no segment"):
        VoiceSamples(split, VOICE, np.arange(0))


@pytest.mark.parametrize(("segment_of", "n_pairs"), [("same_dataset", 2), ("same_person", 4)])
def test_a_face_hears_a_segment_of_another_dataset_only_where_the_params_say_so(
    segment_of: str, n_pairs: int, made, tmp_path: Path
) -> None:
    split = open_split(made.at, tmp_path, split=TRAIN, standard_only=True)
    by_bits = {split.log_mel(row).tobytes(): split.segment_ids[row] for row in range(split.n_segments)}
    samples = AudioFaceSamples(split, audio_face_params(segment_of=segment_of))
    drawn = [samples[k] for k in range(60)]
    pairs = {(split.face_ids[one.face_row][:3], by_bits[one.log_mel_MT.numpy().tobytes()][:3]) for one in drawn}
    assert len(pairs) == n_pairs


def test_whole_clips_are_held_out_and_of_each_person_one_is_not(made, tmp_path: Path) -> None:
    split = open_split(made.at, tmp_path, split=TRAIN, standard_only=True)
    train, held_out = hold_out_voices(split, VOICE)
    assert sorted([*train, *held_out]) == list(range(split.n_segments))
    clips = [{split.clips[row] for row in rows} for rows in (train, held_out)]
    assert not clips[0] & clips[1]
    assert [len(clips[0]), len(clips[1])] == [3, 3]  # of ana's four clips two, of ben's two one
    assert set(split.person_of_segment[train]) == {0, 1}


def test_nothing_is_held_out_when_no_share_is(split: DatasetSplit) -> None:
    train, held_out = hold_out_voices(split, VOICE.model_copy(update={"holdout_share": 0.0}))
    assert train.tolist() == list(range(24))
    assert held_out.tolist() == []


def test_a_face_comes_with_a_segment_of_its_person_and_every_face_once_an_epoch(split: DatasetSplit) -> None:
    samples = AudioFaceSamples(split, AUDIO_FACE)
    for epoch in range(2):
        epoch_samples = [samples[18 * epoch + place] for place in range(18)]
        assert sorted(sample.face_row for sample in epoch_samples) == list(range(18))
        for sample in epoch_samples:
            assert int(sample.log_mel_MT[0, 0]) // 4 == sample.face_row // 3
            expected = split.face(sample.face_row).transpose(2, 0, 1).astype(np.float32) / np.float32(127.5) - 1
            assert np.array_equal(sample.face_CHW.numpy(), expected)


def test_noise_is_normal_of_the_deviation_asked_for_and_the_sample_s_own(split: DatasetSplit) -> None:
    samples = AudioFaceSamples(split, AUDIO_FACE)
    (batch,) = load_batches(samples, first=0, n=1, batch=200)
    assert batch.noise_BV.shape == (200, 64)
    assert batch.noise_BV.dtype == torch.float32
    assert abs(float(batch.noise_BV.std()) - 0.05) < 0.05 * 4 / np.sqrt(2 * 200 * 64)
    assert abs(float(batch.noise_BV.mean())) < 0.05 * 4 / np.sqrt(200 * 64)
    assert torch.equal(samples[123].noise_V, batch.noise_BV[123])
    silent = AudioFaceSamples(split, AUDIO_FACE.model_copy(update={"noise": 0.0}))
    assert not silent[0].noise_V.any()


def test_faces_without_a_voice_are_refused() -> None:
    faces, log_mels = np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 4, 5), np.float32)
    with pytest.raises(BadInput, match="no face has a segment of its person's voice"):
        AudioFaceSamples(DatasetSplit.from_arrays(faces, log_mels, None, ["a"], ["b"]), AUDIO_FACE)
