"""The items of the audio step are all clips, each with the time range of its main track."""

from pathlib import Path

import pytest

import pipeline.audio.items
from pipeline.audio.clip import AudioItem
from pipeline.audio.items import read_audio_items
from pipeline.base.layout import Layout
from pipeline.records.track import Track
from pipeline.storage.manifest import write_manifest
from tests.face.tracks import a_track, media_clips


def test_every_clip_has_the_range_of_its_main_track_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = Layout(tmp_path)
    tracks = [
        a_track("set/talk", 0, is_main=False),
        a_track("set/talk", 1, is_main=True),
        a_track("set/talk-2", 0, is_main=True),
        a_track("set/two", 0, is_main=False),
    ]
    write_manifest(at.tracks("set"), Track, tracks)
    clips = media_clips(["set/none", "set/talk", "set/talk-2", "set/two"])
    monkeypatch.setattr(pipeline.audio.items, "read_media_clips", lambda *_: iter(clips))
    ranges_s = [None, (0.1, 1.2), (0.0, 1.2), None]
    assert list(read_audio_items("set", at)) == [AudioItem(*one) for one in zip(clips, ranges_s, strict=True)]
