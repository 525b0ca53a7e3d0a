"""Segments with sound: the samples of the media, or the reason why there is no sound."""

import base64
import io
import wave
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetSegment
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.report import sound
from pipeline.report.sound import Sound, read_sounds
from tests.report.made_run import HOSTILE, N_VALID, QUOTED, RATE_HZ, SET, make_media, write_segments, write_wav

SAMPLES = np.random.default_rng(5).integers(-9000, 9000, 2 * RATE_HZ, np.int16)


@pytest.fixture
def media(data_run: Layout) -> Path:
    """The first person's media is two seconds of noise; the segment is 0.5 to 1.5 s of it."""
    return make_media(data_run, HOSTILE, SAMPLES)


def of_person(at: Layout, person: str) -> Sound:
    sounds = read_sounds(at, [SET])
    assert sounds is not None
    return next(one for one in sounds if one.person == person)


def samples_of(one: Sound) -> np.ndarray:
    assert one.data_url is not None
    with wave.open(io.BytesIO(base64.b64decode(one.data_url.partition(",")[2]))) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (RATE_HZ, 1, 2)
        return np.frombuffer(reader.readframes(reader.getnframes()), np.int16)


def test_the_sound_is_that_of_the_segment_sample_by_sample(data_run: Layout, media: Path) -> None:
    one = of_person(data_run, HOSTILE)
    assert np.array_equal(samples_of(one), SAMPLES[RATE_HZ // 2 : 3 * RATE_HZ // 2])
    assert (one.start_s, one.end_s, one.no_sound_reason) == (0.5, 1.5, "")


def test_a_long_segment_is_cut_off(data_run: Layout, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "_MOST_S", 0.25)
    assert len(samples_of(of_person(data_run, HOSTILE))) == RATE_HZ // 4


def test_where_the_media_is_missing_there_is_the_log_mel_and_a_reason(data_run: Layout, media: Path) -> None:
    assert of_person(data_run, QUOTED).no_sound_reason == "No sound: the media file is missing."
    media.unlink()
    one = of_person(data_run, HOSTILE)
    assert (one.data_url, one.no_sound_reason) == (None, "No sound: the media file is missing.")
    assert one.log_mel is not None and one.log_mel.width_px == N_VALID


def test_media_that_does_not_decode_is_only_a_reason(data_run: Layout, media: Path) -> None:
    media.write_bytes(b"no media at all")
    assert of_person(data_run, HOSTILE).no_sound_reason.startswith("No sound: media.wav: ")


def test_media_that_ends_before_the_segment_is_only_a_reason(data_run: Layout, media: Path) -> None:
    write_wav(media, SAMPLES[: RATE_HZ // 4])
    assert (
        of_person(data_run, HOSTILE).no_sound_reason
        == "No sound: media.wav ends at 0.250 s, before the range that starts at 0.5 s."
    )


def test_sound_beyond_the_size_limit_is_left_out(
    data_run: Layout, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "_SIZE_BUDGET", 20_000)
    assert of_person(data_run, HOSTILE).no_sound_reason == "Left out: the size limit of the page is reached."


def test_of_many_segments_few_are_chosen_and_half_of_them_are_of_test_persons(data_run: Layout) -> None:
    listed = read_manifest(data_run.dataset("audio"), DatasetSegment)
    template = {name: getattr(listed[0], name) for name in DatasetSegment.__slots__}
    many = [
        DatasetSegment(**template | {"segment_id": f"one/{person}-a{start:08d}", "person_id": person, "split": split})
        for split in ("train", "test")
        for person in (f"{split}-{number}" for number in range(9))
        for start in (0, 6000)
    ]
    write_manifest(data_run.dataset("audio"), DatasetSegment, many)
    chosen = sound._of_both_splits(data_run, SET, 6)
    assert [one.split for one in chosen] == ["train"] * 3 + ["test"] * 3
    assert len({one.person_id for one in chosen}) == 6
    write_manifest(data_run.dataset("audio"), DatasetSegment, [one for one in many if one.split == "train"])
    assert len(sound._of_both_splits(data_run, SET, 6)) == 6


def test_sound_that_was_taken_later_is_that_of_the_log_mel(data_run: Layout, media: Path) -> None:
    write_segments(data_run, av_correction_s=0.25)
    assert np.array_equal(samples_of(of_person(data_run, HOSTILE)), SAMPLES[3 * RATE_HZ // 4 : 7 * RATE_HZ // 4])
