"""The items of the crop step are the clips with a subject, each with the frames of its main one and no others."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import pipeline.face.crops.items
from pipeline.core.base.layout import Layout
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table, to_table
from pipeline.core.records.subject import SubjectTrack
from pipeline.core.storage.manifest import write_manifest, write_tables
from pipeline.face.crops.crop import ObservedClip
from pipeline.face.crops.items import read_crop_items
from pipeline.video.clip import MediaClip
from tests.face.faces import PERFECT_FRAME
from tests.face.tracks import a_subject_track, media_clips

MAIN_TRACKS = {"set/none": None, "set/talk": 1, "set/talk-2": 0, "set/unseen": 0, "set/z": 0}
"""Of each clip the number of its main track; 'set/unseen' has no frame of it."""
SEEN = [(clip_id, number) for clip_id in MAIN_TRACKS for number in (0, 1) if (clip_id, number) != ("set/unseen", 0)]


def frames_of(clip_id: str, number: int) -> list[Frame]:
    track_id = f"{clip_id}-t{number:02}"
    return [
        replace(
            PERFECT_FRAME,
            frame_id=f"{track_id}-{40 * n:08}",
            clip_id=clip_id,
            track_id=track_id,
            frame_index=n,
            time_s=n / 25,
            yaw_deg=float(number + n),
        )
        for n in range(30)
    ]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Manifests of five clips with two tracks each, and media that nobody looks at."""
    at = Layout(tmp_path)
    tracks = [a_subject_track(clip_id, n, is_taken=n == main) for clip_id, main in MAIN_TRACKS.items() for n in (0, 1)]
    write_manifest(at.subject_tracks("set"), SubjectTrack, tracks)
    write_manifest(at.frames("set"), Frame, [frame for seen in SEEN for frame in frames_of(*seen)])
    monkeypatch.setattr(pipeline.face.crops.items, "read_media_clips", lambda *_: iter(clips()))
    return at


def clips() -> Sequence[MediaClip]:
    return media_clips([*MAIN_TRACKS, "set/zz"])


def test_clips_with_a_seen_main_track_come_in_id_order_with_its_frames(at: Layout) -> None:
    items = list(read_crop_items("set", at))
    assert [item.clip for item in items] == [
        one for one in clips() if one.clip_id in ("set/talk", "set/talk-2", "set/z")
    ]
    for item in items:
        assert from_table(Frame, item.frames) == frames_of(item.clip.clip_id, MAIN_TRACKS[item.clip.clip_id] or 0)


def test_a_subject_of_several_tracks_brings_the_frames_of_all(at: Layout) -> None:
    tracks = [a_subject_track("set/talk", n, is_taken=True, subject=0) for n in (0, 1)]
    write_manifest(at.subject_tracks("set"), SubjectTrack, tracks)
    (item,) = read_crop_items("set", at)
    assert from_table(Frame, item.frames) == [*frames_of("set/talk", 0), *frames_of("set/talk", 1)]


def test_row_groups_do_not_change_the_content(at: Layout) -> None:
    content = [item.content for item in read_crop_items("set", at)]
    rows = to_table(Frame, [frame for seen in SEEN for frame in frames_of(*seen)])
    write_tables(at.frames("set"), Frame, [rows], row_group_rows=17)
    assert [item.content for item in read_crop_items("set", at)] == content
    assert len(set(content)) == 3


def test_another_value_in_one_frame_is_another_content_of_that_clip(at: Layout) -> None:
    before = [item.content for item in read_crop_items("set", at)]
    frames = [frame for seen in SEEN for frame in frames_of(*seen)]
    at_fault = next(n for n, frame in enumerate(frames) if frame.track_id == "set/talk-t01") + 7
    frames[at_fault] = replace(frames[at_fault], sharpness=100.00000000000001)
    write_manifest(at.frames("set"), Frame, frames)
    after = [item.content for item in read_crop_items("set", at)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]


def test_an_item_goes_to_a_worker_with_its_own_frames_only(at: Layout) -> None:
    item = next(read_crop_items("set", at))
    many = to_table(Frame, frames_of("set/talk", 0) * 1000 + frames_of("set/talk", 1))
    of_many = ObservedClip(item.clip, many.slice(30_000), item.subject_of)
    assert len(pickle.dumps(of_many)) < 30_000
    again = pickle.loads(pickle.dumps(of_many))
    assert (again.clip, again.content) == (item.clip, item.content)
    assert again.frames.equals(item.frames)
