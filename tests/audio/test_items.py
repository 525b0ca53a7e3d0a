"""The items of the audio step are all clips, each with the times and turns of its subjects."""

from dataclasses import replace
from pathlib import Path

import pytest

import pipeline.audio.items
from pipeline.audio.clip import AudioItem, HeardSubject
from pipeline.audio.items import read_audio_items
from pipeline.audio.segment import HeardTurn, StretchShares
from pipeline.core.base.layout import Layout
from pipeline.core.records.subject import StretchSound, SubjectTrack, Turn
from pipeline.core.records.track import Track
from pipeline.core.storage.manifest import write_manifest
from tests.audio.heard import heard
from tests.face.tracks import a_stretch_sound, a_subject_track, a_track, a_turn, media_clips


def test_every_clip_has_its_subjects_with_their_times_and_turns_and_its_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Layout(tmp_path)
    tracks = [
        *(replace(a_track("set/talk", number), out_of_step_s=-0.4) for number in range(4)),
        a_track("set/talk-2", 0),
        a_track("set/two", 0),
    ]
    subjects = [
        a_subject_track("set/talk", 0, is_taken=True, subject=1),
        *(a_subject_track("set/talk", number, is_taken=True, subject=0) for number in (1, 2)),
        a_subject_track("set/talk", 3, is_taken=False, subject=2),
        a_subject_track("set/talk-2", 0, is_taken=True),
        a_subject_track("set/two", 0, is_taken=False, subject=1),
    ]
    write_manifest(at.tracks("set"), Track, tracks)
    write_manifest(at.subject_tracks("set"), SubjectTrack, subjects)
    turns = [a_turn("set/talk", *one) for one in ((0, 5.0, 7.0), (1, 2.0, 4.0), (0, 8.0, 9.0), (2, 4.0, 5.0))]
    turns = sorted(turns, key=lambda turn: turn.turn_id)
    write_manifest(at.turns("set"), Turn, [a_turn("set/talk-2", 0, 0.0, 1.2, None), *turns])
    sounds = [a_stretch_sound("set/talk", 0.0, 2.0, 0.25), a_stretch_sound("set/talk", 2.0, 4.0, None)]
    write_manifest(at.stretch_sounds("set"), StretchSound, sounds)
    clips = media_clips(["set/none", "set/talk", "set/talk-2", "set/two"])
    monkeypatch.setattr(pipeline.audio.items, "read_media_clips", lambda *_: iter(clips))
    first = heard("set/talk", (0.1, 1.2), (0.2, 1.2), turns=(HeardTurn(5.0, 7.0, 2.5), HeardTurn(8.0, 9.0, 2.5)))
    second = HeardSubject("set/talk-s01", ((0.0, 1.2),), (HeardTurn(2.0, 4.0, 2.5),))
    stretches = (StretchShares(0.0, 2.0, 0.25, 0.5), StretchShares(2.0, 4.0, None, 0.5))
    assert list(read_audio_items("set", at)) == [
        AudioItem(clips[0], (heard("set/none"),)),
        AudioItem(clips[1], (first, second), -0.4, stretches),
        AudioItem(clips[2], (heard("set/talk-2", (0.0, 1.2)),)),
        AudioItem(clips[3], ()),  # no face is in its published crop
    ]


def test_another_offset_is_another_input_of_the_step() -> None:
    (clip,) = media_clips(["set/talk"])
    subjects = (heard("set/talk", (0.0, 1.2)),)
    assert AudioItem(clip, subjects, 0.5).content != AudioItem(clip, subjects).content


def test_other_shares_of_overlap_are_another_input_of_the_step() -> None:
    (clip,) = media_clips(["set/talk"])
    item = AudioItem(clip, (heard("set/talk", (0.0, 1.2)),))
    assert replace(item, stretches=(StretchShares(0.0, 2.0, 0.25, None),)).content != item.content
