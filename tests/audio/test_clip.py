"""Each segment of a clip ends as a row of the shards or of the ledger, and a clip without any as a reason."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.recordings import Recording, write_recording
from pipeline.audio.clip import AudioItem, HeardSubject, segment_clip
from pipeline.audio.segment import HeardTurn
from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.segment import Segment
from pipeline.video.clip import MediaClip
from tests.audio.heard import heard

MakeParams = Callable[..., AudioParams]
SILENCE = np.zeros(96_000, dtype=np.float32)


def audio_item(sound: Waveform, folder: Path, start_s: float | None = None, end_s: float | None = None) -> AudioItem:
    """A clip of 16 kHz mono whose main track runs from 3 s to 9 s."""
    path = write_recording(folder / "clip.mkv", Recording(suffix="mkv", rate_hz=16_000), sound)
    clip = MediaClip(clip_id="set/one", path=path, sha256="", has_audio=True, start_s=start_s, end_s=end_s)
    return AudioItem(clip, (heard(clip.clip_id, (3.0, 9.0)),))


@pytest.mark.parametrize("vad", ["webrtc", "silero"])
@pytest.mark.parametrize("profile", ["paper", "voice2face", "sf2f", "sync"])
def test_a_silent_clip_is_filtered_as_no_speech(
    profile: str, vad: str, audio_params: MakeParams, tmp_path: Path
) -> None:
    ended = segment_clip(audio_item(SILENCE, tmp_path), tmp_path, params=audio_params(profile=profile, vad=vad))
    assert ended == Dropped.filtered("no_speech", "none of 1 segments has enough voice")


def test_a_silent_segment_among_others_is_a_row_of_the_ledger(
    talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    sound = np.concatenate([talker, SILENCE, talker])
    rows = segment_clip(audio_item(sound, tmp_path), tmp_path, params=audio_params())
    assert isinstance(rows, list)
    first, last, silent = rows
    assert isinstance(first, Segment)
    assert isinstance(last, Segment)
    assert isinstance(silent, LedgerRow)
    assert (first.segment_id, last.segment_id) == ("set/one-a00000000", "set/one-a00012000")
    assert (silent.item_id, silent.status, silent.reason) == ("set/one-a00006000", "filtered", "no_speech")
    assert silent.detail == "0.000 voiced, below 0.1"
    assert [first.face_seen_share, last.face_seen_share] == [0.5, 0.0]
    assert (first.n_mels, first.n_frames, len(first.log_mel)) == (64, 1000, 64_000)


@pytest.mark.parametrize("sound_of", ["turns", "clip"])
def test_the_sound_of_a_clip_whose_person_is_not_seen_in_its_crop_is_nobodys(
    sound_of: str, talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    item = replace(audio_item(talker, tmp_path), subjects=())
    ended = segment_clip(item, tmp_path, params=audio_params(sound_of=sound_of))
    detail = "no face is seen in the published crop, whose person the sound would be"
    assert ended == Dropped.filtered("not_in_crop", detail)


def test_a_range_of_the_media_is_cut_from_its_own_start(
    talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    item = audio_item(np.concatenate([SILENCE, talker, SILENCE]), tmp_path, start_s=6.0, end_s=12.0)
    rows = segment_clip(item, tmp_path, params=audio_params())
    assert isinstance(rows, list)
    (segment,) = rows
    assert isinstance(segment, Segment)
    assert (segment.segment_id, segment.start_s, segment.end_s) == ("set/one-a00006000", 6.0, 12.0)
    assert segment.voiced_s > 2.0


def test_half_a_step_gives_segments_that_overlap(talker: Waveform, audio_params: MakeParams, tmp_path: Path) -> None:
    rows = segment_clip(audio_item(np.tile(talker, 2), tmp_path), tmp_path, params=audio_params(segment_step_s=3.0))
    assert isinstance(rows, list)
    assert [(row.start_s, row.end_s) for row in rows if isinstance(row, Segment)] == [(0, 6), (3, 9), (6, 12)]


def test_a_range_is_sought_and_its_limit_counts_from_its_start(
    talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    """audio.max_duration_s is shorter than what lies before the clip."""
    item = audio_item(np.concatenate([SILENCE, SILENCE, talker]), tmp_path, start_s=12.0, end_s=18.0)
    rows = segment_clip(item, tmp_path, params=audio_params(max_duration_s=6.0))
    assert isinstance(rows, list)
    assert [row.segment_id for row in rows if isinstance(row, Segment)] == ["set/one-a00012000"]


@pytest.mark.parametrize(("start_s", "status"), [(5.9, "filtered"), (6.0, "failed")])
def test_a_range_behind_the_end_is_a_bad_range(
    start_s: float, status: str, audio_params: MakeParams, tmp_path: Path
) -> None:
    ended = segment_clip(
        audio_item(SILENCE, tmp_path, start_s=start_s, end_s=start_s + 10), tmp_path, params=audio_params()
    )
    assert isinstance(ended, Dropped)
    assert (ended.status, ended.reason) == (status, "no_speech" if status == "filtered" else "bad_range")
    assert status == "filtered" or ended.detail == "clip.mkv ends at 6.000 s, before the range that starts at 6 s"


@pytest.mark.parametrize(("right", "channel"), [(-1.0, "FL"), (1.0, "mix")])
def test_a_voice_whose_channels_cancel_each_other_is_read_from_one_and_recorded(
    right: float, channel: str, talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    recording = Recording(suffix="mkv", rate_hz=16_000, layout="stereo")
    path = write_recording(tmp_path / "clip.mkv", recording, np.stack([talker, right * talker]))
    clip = MediaClip(clip_id="set/one", path=path, sha256="", has_audio=True, start_s=None, end_s=None)
    rows = segment_clip(AudioItem(clip, (heard(clip.clip_id),)), tmp_path, params=audio_params())
    alone = segment_clip(audio_item(talker, tmp_path), tmp_path, params=audio_params())
    assert isinstance(rows, list) and isinstance(alone, list)
    (segment,), (expected,) = rows, alone
    assert isinstance(segment, Segment) and isinstance(expected, Segment)
    assert segment.sound_channel == channel
    assert segment.level_dbfs == pytest.approx(expected.level_dbfs, abs=0.1)


def test_turns_of_a_clip_are_joined_to_segments_that_say_what_was_left_out(
    talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    turns = (HeardTurn(1.0, 4.0, 3.0), HeardTurn(5.0, 9.0, 2.0))
    item = replace(audio_item(np.tile(talker, 2), tmp_path), subjects=(heard("set/one", (0.0, 4.0), turns=turns),))
    rows = segment_clip(item, tmp_path, params=audio_params())
    assert isinstance(rows, list)
    (segment,) = rows
    assert isinstance(segment, Segment)
    assert (segment.start_s, segment.end_s) == (1.0, 8.0)
    assert (segment.n_turns, segment.skipped_s, segment.turn_log_odds) == (2, 1.0, 2.0)
    assert segment.face_seen_share == 0.5


def test_a_clip_whose_subject_is_never_heard_is_filtered_unless_all_its_sound_is_asked_for(
    talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    item = replace(audio_item(talker, tmp_path), subjects=(heard("set/one", turns=()),))
    assert segment_clip(item, tmp_path, params=audio_params()) == Dropped.filtered(
        "other_voice", "no voice is that of a subject whose sound is taken"
    )
    assert isinstance(segment_clip(item, tmp_path, params=audio_params(sound_of="clip")), list)


def test_each_subject_is_given_the_segments_of_its_own_turns(
    talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    first = heard("set/one", (0.0, 12.0), turns=(HeardTurn(0.0, 3.0, 3.0), HeardTurn(6.0, 9.0, 3.0)))
    second = HeardSubject("set/one-s01", ((3.0, 6.0),), (HeardTurn(3.0, 6.0, 1.0),))
    item = replace(audio_item(np.tile(talker, 2), tmp_path), subjects=(first, second))
    rows = segment_clip(item, tmp_path, params=audio_params())
    assert isinstance(rows, list)
    segments = [row for row in rows if isinstance(row, Segment)]
    assert [(one.subject_id, one.segment_id, one.end_s, one.face_seen_share) for one in segments] == [
        ("set/one-s00", "set/one-a00000000", 9.0, 1.0),
        ("set/one-s01", "set/one-a00003000", 6.0, 1.0),
    ]
    (whole,) = {row.subject_id for row in segment_clip(item, tmp_path, params=audio_params(sound_of="clip"))}
    assert whole == "set/one-s00"  # all sound of a clip is its main subject's, in the paper's reading
