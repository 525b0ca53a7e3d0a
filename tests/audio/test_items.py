"""The items of the audio step are all clips, each with the time range of its main track."""

from dataclasses import replace
from pathlib import Path

import pytest

import pipeline.audio.items
from pipeline.audio.clip import AudioItem
from pipeline.audio.items import read_audio_items
from pipeline.core.base.layout import Layout
from pipeline.core.records.track import Track
from pipeline.core.storage.manifest import write_manifest
from tests.face.tracks import a_track, media_clips


def test_every_clip_has_its_main_tracks_range_and_offset_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Layout(tmp_path)
    tracks = [
        a_track("set/talk", 0, is_main=False),
        replace(a_track("set/talk", 1, is_main=True), out_of_step_s=-0.4),
        a_track("set/talk-2", 0, is_main=True),
        a_track("set/two", 0, is_main=False),
    ]
    write_manifest(at.tracks("set"), Track, tracks)
    clips = media_clips(["set/none", "set/talk", "set/talk-2", "set/two"])
    monkeypatch.setattr(pipeline.audio.items, "read_media_clips", lambda *_: iter(clips))
    ranges_s, out_of_step_s = [None, (0.1, 1.2), (0.0, 1.2), None], [0.0, -0.4, 0.0, 0.0]
    expected = [AudioItem(*one) for one in zip(clips, ranges_s, out_of_step_s, strict=True)]
    assert list(read_audio_items("set", at)) == expected


def test_another_offset_is_another_input_of_the_step() -> None:
    (clip,) = media_clips(["set/talk"])
    assert AudioItem(clip, (0.0, 1.2), 0.5).content != AudioItem(clip, (0.0, 1.2)).content
