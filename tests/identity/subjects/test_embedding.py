"""A track is embedded by its most frontal faces that are large and whole, each fitted in its frame at full size."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline.identity.subjects.embedding as module
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import ImageRGB, Landmarks, Waveform
from pipeline.core.base.layout import Layout
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table, to_table
from pipeline.core.records.subject import StretchSound
from pipeline.core.records.track import Shot, Track
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.network.recogniser import NamedRecogniser
from pipeline.identity.sound.overlap_network import STEP_SAMPLES, HeardVoices, OverlapNetwork
from pipeline.identity.subjects.embedding import (
    ClipEmbedder,
    TrackedClip,
    chosen_frames,
    read_tracked_clips,
)
from pipeline.identity.subjects.sound import ClipSound, SoundNetworks
from tests.face.faces import FakeBackend, frame
from tests.face.tracks import a_shot, a_track, media_clips
from tests.identity.subjects.test_link import PARAMS

CLIP = "set/clip"


def at_yaws(*yaws_deg: float) -> list[Frame]:
    """Return frames half a second apart, turned by these angles."""
    return [frame(n, n / 2, yaw_deg=yaw_deg) for n, yaw_deg in enumerate(yaws_deg)]


def of_track(frames: Sequence[Frame], number: int, clip_id: str = CLIP) -> list[Frame]:
    track_id = f"{clip_id}-t{number:02d}"
    return [
        replace(one, clip_id=clip_id, track_id=track_id, frame_id=one.frame_id.replace("set/clip-t00", track_id))
        for one in frames
    ]


def times_s(frames: Sequence[Frame]) -> list[float]:
    return [one.time_s for one in frames]


def test_the_most_frontal_frames_are_chosen_in_time_order() -> None:
    assert times_s(chosen_frames(at_yaws(30, -2, 20, 1, -25, 3), PARAMS)) == [0.5, 1.5, 2.5]


def test_one_frame_of_each_equal_part_is_taken_however_frontal_the_others_are() -> None:
    """So that both persons are among the faces of a track that shows two."""
    assert times_s(chosen_frames(at_yaws(0, 1, 2, 12, 10, 11, 22, 21, 20), PARAMS)) == [0.0, 2.0, 4.0]


def test_frames_nearer_than_the_limit_to_a_better_one_are_passed_over() -> None:
    near = [frame(n, time_s, yaw_deg=5.0 * n) for n, time_s in enumerate((0.0, 0.39, 0.4))]
    assert times_s(chosen_frames(near, PARAMS)) == [0.0, 0.4]


def test_small_and_cut_off_faces_are_left_out_exactly_below_the_limits() -> None:
    frames = [
        frame(0, 0.0, interocular_px=11.99),
        frame(1, 1.0, interocular_px=12.0),
        frame(2, 2.0, inside_share=0.79),
        frame(3, 3.0, inside_share=0.8),
    ]
    assert times_s(chosen_frames(frames, PARAMS)) == [1.0, 3.0]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A clip of two tracks, one of a single track, one of whose two tracks one is too small, and one of two shots."""
    at = Layout(tmp_path)
    small = [replace(one, interocular_px=5.0) for one in at_yaws(0)]
    frames = [
        *of_track(at_yaws(0, 9, 8, 7), 0, "set/a"),
        *of_track(at_yaws(3), 1, "set/a"),
        *of_track(at_yaws(0), 0, "set/b"),
        *of_track(at_yaws(0), 0, "set/c"),
        *of_track(small, 1, "set/c"),
        *of_track(at_yaws(0), 0, "set/d"),
    ]
    write_manifest(at.frames("set"), Frame, frames)
    tracks = [a_track(clip_id, n) for clip_id, n in (("a", 0), ("a", 1), ("b", 0), ("c", 0), ("c", 1), ("d", 0))]
    tracks = [replace(one, clip_id=f"set/{one.clip_id}", track_id=f"set/{one.track_id}") for one in tracks]
    write_manifest(at.tracks("set"), Track, tracks)
    shots = [("a", 0, 5.0), ("b", 0, 5.0), ("c", 0, 5.0), ("d", 0, 1.0), ("d", 1, 2.0)]
    write_manifest(at.shots("set"), Shot, [a_shot(f"set/{name}", n, end_s) for name, n, end_s in shots])
    clips = media_clips(["set/a", "set/b", "set/c", "set/d"])
    monkeypatch.setattr(module, "read_media_clips", lambda *_: iter(clips))
    return at


def test_without_voices_only_clips_with_two_tracks_or_shots_are_items(at: Layout) -> None:
    first, third, fourth = read_tracked_clips("set", PARAMS, at, voice_s=None)
    assert [item.clip.clip_id for item in (first, third, fourth)] == ["set/a", "set/c", "set/d"]
    assert [(one.track_id[-3:], one.time_s) for one in from_table(Frame, first.frames)] == [
        ("t00", 0.0),
        ("t00", 1.0),
        ("t00", 1.5),
        ("t01", 0.0),
    ]
    assert len(third.frames) == len(fourth.frames) == 0  # a single track is compared with nothing
    assert fourth.shots == (((0.0, 1.0),), ((1.0, 2.0),))
    again = pickle.loads(pickle.dumps(first))
    assert again.content == first.content and again.frames.equals(first.frames)


def test_with_voices_a_clip_of_one_track_and_shot_is_an_item_with_the_stretches_that_begin_in_so_much_sound(
    at: Layout,
) -> None:
    wanted = {seconds: read_tracked_clips("set", PARAMS, at, voice_s=seconds) for seconds in (2.5, 2.6, 100.0)}
    found = {seconds: {one.clip.clip_id: one for one in items} for seconds, items in wanted.items()}
    assert all(list(items) == ["set/a", "set/b", "set/c", "set/d"] for items in found.values())
    assert [found[seconds]["set/b"].shots for seconds in found] == [
        (((0.0, 2.5),),),
        (((0.0, 2.5), (2.5, 5.0)),),
        (((0.0, 2.5), (2.5, 5.0)),),
    ]
    assert len(found[2.5]["set/b"].frames) == 0
    assert found[2.5]["set/d"].shots == (((0.0, 1.0),), ((1.0, 2.0),))  # several shots: all of it


def test_for_an_active_speaker_network_clips_of_several_tracks_or_shots_have_all_their_boxes(at: Layout) -> None:
    params = PARAMS.model_copy(update={"active_speaker": "light_asd"})
    items = {one.clip.clip_id: one for one in read_tracked_clips("set", params, at, voice_s=2.0)}
    n_boxes = {name: None if one.boxes is None else len(one.boxes) for name, one in items.items()}
    assert n_boxes == {"set/a": 5, "set/b": None, "set/c": 2, "set/d": 1}
    again = pickle.loads(pickle.dumps(items["set/a"]))
    assert again.content == items["set/a"].content and again.boxes.equals(items["set/a"].boxes)
    assert {one.content for one in read_tracked_clips("set", PARAMS, at, 2.0)}.isdisjoint([items["set/a"].content])


def test_where_all_sound_is_measured_every_clip_is_an_item_and_its_voice_is_that_of_the_first_stretches(
    at: Layout,
) -> None:
    for voice_s, n_voices in ((2.5, 1), (2.6, 2), (None, 0)):
        items = read_tracked_clips("set", PARAMS, at, voice_s=voice_s, all_sound=True)
        found = {one.clip.clip_id: (one.n_voices, one.shots) for one in items}
        assert found["set/b"] == (n_voices, (((0.0, 2.5), (2.5, 5.0)),))
        assert found["set/d"] == (None, (((0.0, 1.0),), ((1.0, 2.0),)))
        assert list(found) == ["set/a", "set/b", "set/c", "set/d"]


class CornerColours:
    """Embeds a face as the colour in its middle."""

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks] | None = None) -> np.ndarray:
        assert landmarks is not None and all(points.shape == (68, 2) for points in landmarks)
        return np.array([face[len(face) // 2, len(face) // 2] for face in faces], np.float32).reshape(len(faces), 3)


def embedded(monkeypatch: pytest.MonkeyPatch, backend: Any, frames: Sequence[Frame]) -> list[Any]:
    """Embed frames of pictures that are red on the left and blue on the right."""
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[:, :320], picture[:, 320:] = (200, 0, 0), (0, 0, 200)

    def decoded(_: Path, wanted_s: Sequence[float], **__: Any) -> Iterator[tuple[float, ImageRGB]]:
        assert list(wanted_s) == sorted(set(wanted_s))
        return ((time_s, picture) for time_s in wanted_s)

    monkeypatch.setattr(module, "rgb_frames_at", decoded)
    monkeypatch.setattr(module, "build_backend", lambda _: backend)
    (clip,) = media_clips([CLIP])
    embed = ClipEmbedder("fake", NamedRecogniser(CornerColours(), "colours-0", {}), None)
    rows = embed(TrackedClip(clip, to_table(Frame, frames), ()), Path())
    assert isinstance(rows, list)
    return rows


def test_two_tracks_in_one_frame_are_embedded_each_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    right = [replace(one, box_x_px=450.0) for one in of_track(at_yaws(0, 5), 1)]
    left, other = embedded(monkeypatch, FakeBackend(), [*of_track(at_yaws(0), 0), *right])
    assert (left.track_id, left.n_faces, other.track_id, other.n_faces) == (f"{CLIP}-t00", 1, f"{CLIP}-t01", 2)
    np.testing.assert_allclose(left.embedding, [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(other.embedding, [0, 0, 1], atol=1e-6)
    assert other.spherical_variance == pytest.approx(0.0, abs=1e-6)


def test_a_face_is_embedded_before_the_next_frame_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no picture of a long clip waits in memory."""
    events: list[str] = []

    class Listed(CornerColours):
        def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks] | None = None) -> np.ndarray:
            events.append("embedded")
            return super().embed(faces, landmarks)

    def decoded(_: Path, wanted_s: Sequence[float], **__: Any) -> Iterator[tuple[float, ImageRGB]]:
        for time_s in wanted_s:
            events.append("decoded")
            yield time_s, np.full((360, 640, 3), 9, np.uint8)

    monkeypatch.setattr(module, "rgb_frames_at", decoded)
    monkeypatch.setattr(module, "build_backend", lambda _: FakeBackend())
    (clip,) = media_clips([CLIP])
    embed = ClipEmbedder("fake", NamedRecogniser(Listed(), "colours-0", {}), None)
    embed(TrackedClip(clip, to_table(Frame, of_track(at_yaws(0, 5, 9), 0)), ()), Path())
    assert events == ["decoded", "embedded"] * 3


def test_a_track_whose_face_is_not_found_at_full_size_has_no_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnlyLeft(FakeBackend):
        def landmarks(self, grey: Any, box: Any, frame: Any = None) -> Any:
            return super().landmarks(grey, box, frame) if box.x < 320 else None

    right = [replace(one, box_x_px=450.0) for one in of_track(at_yaws(0), 1)]
    rows = embedded(monkeypatch, OnlyLeft(), [*of_track(at_yaws(0), 0), *right])
    assert [row.track_id for row in rows] == [f"{CLIP}-t00"]


class PauseAt(OverlapNetwork):
    """Hears one voice, with a pause from 0.6 to 0.8 s."""

    def hear(self, sound: Waveform) -> HeardVoices:
        seconds = np.arange(len(sound) // STEP_SAMPLES) * STEP_SAMPLES / SAMPLE_RATE_HZ
        speech = np.where((seconds >= 0.6) & (seconds < 0.8), 0.0, 1.0).astype(np.float32)
        return HeardVoices(speech, np.zeros_like(speech), np.zeros_like(speech))


def test_stretches_end_at_pauses_where_it_is_to_be_decided_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = ClipSound(CLIP, np.ones(2 * SAMPLE_RATE_HZ, np.float32), 0.0)
    monkeypatch.setattr(module, "read_sound", lambda *_: sound)
    (clip,) = media_clips([CLIP])
    embed = ClipEmbedder("fake", None, None, SoundNetworks(PauseAt(Path()), None))
    shots = (((0.0, 1.0), (1.0, 2.0)),)
    for n_voices, edge_s in ((None, pytest.approx(0.7, abs=0.11)), (0, 1.0)):
        first, second = embed(TrackedClip(clip, to_table(Frame, []), shots, n_voices=n_voices), Path())
        assert isinstance(first, StretchSound) and isinstance(second, StretchSound)
        assert (first.start_s, first.end_s, second.start_s, second.end_s) == (0.0, edge_s, edge_s, 2.0)
