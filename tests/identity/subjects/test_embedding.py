"""A track is embedded by those of its kept faces that are large, frontal and unlike each other."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline.identity.subjects.embedding as module
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import ImageRGB, Landmarks, Waveform
from pipeline.core.base.images import encode_grey
from pipeline.core.base.layout import Layout
from pipeline.core.base.units import milliseconds
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import Image, from_table, to_table
from pipeline.core.records.subject import StretchSound
from pipeline.core.records.track import Shot, Track, TrackFace
from pipeline.core.storage.manifest import write_manifest
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.points import eye_centres
from pipeline.identity.network.recogniser import NamedRecogniser
from pipeline.identity.sound.overlap_network import STEP_SAMPLES, HeardVoices, OverlapNetwork
from pipeline.identity.subjects.embedding import (
    ClipEmbedder,
    TrackedClip,
    chosen_faces,
    read_tracked_clips,
)
from pipeline.identity.subjects.sound import ClipSound, SoundNetworks
from tests.face.faces import frame, points_in
from tests.face.tracks import a_shot, a_track, media_clips
from tests.identity.subjects.test_link import PARAMS

CLIP = "set/clip"


def a_face(number: int, time_s: float, turned_deg: float = 0.0, clip_id: str = CLIP, **changes: Any) -> TrackFace:
    """Return a face of a track, of its own grey, with the eyes level in the middle."""
    track_id = f"{clip_id}-t{number:02d}"
    face_id = f"{track_id}-{milliseconds(time_s):08d}"
    picture = np.full((176, 176), 40 + 50 * number, np.uint8)
    face = TrackFace(
        face_id=face_id,
        clip_id=clip_id,
        track_id=track_id,
        time_s=time_s,
        turned_deg=turned_deg,
        interocular_px=40.0,
        image=Image(encode_grey(picture), f"{face_id}.jpg"),
        landmarks_px=points_in(Box(28, 28, 120, 120)).ravel(),
    )
    return replace(face, **changes)


def drawn(face: TrackFace, seed: int) -> TrackFace:
    """Return the face with another picture: no two are alike."""
    coarse = np.random.default_rng(seed).integers(0, 255, (11, 11), np.uint8)
    picture = np.kron(coarse, np.ones((16, 16), np.uint8))
    return replace(face, image=replace(face.image, bytes=encode_grey(picture)))


def of_clip(clip_id: str, number: int) -> Frame:
    track_id = f"{clip_id}-t00"
    row = frame(number, number / 2, clip_id=clip_id, track_id=track_id)
    return replace(row, frame_id=f"{track_id}-{number:08d}")


def times_s(faces: Sequence[TrackFace]) -> list[float]:
    return [one.time_s for one in faces]


def test_the_most_frontal_faces_of_a_track_come_first_up_to_the_limit() -> None:
    faces = [a_face(0, n / 2, turned_deg) for n, turned_deg in enumerate((30.0, 2.0, 20.0, 1.0, 25.0, 3.0))]
    assert times_s(chosen_faces(faces, PARAMS)) == [1.5, 0.5, 2.5]


def test_faces_nearer_than_the_limit_to_a_better_one_are_passed_over() -> None:
    near = [a_face(0, time_s, 5.0 * n) for n, time_s in enumerate((0.0, 0.39, 0.4))]
    assert times_s(chosen_faces(near, PARAMS)) == [0.0, 0.4]


def test_small_faces_are_left_out_exactly_below_the_limit() -> None:
    faces = [a_face(0, 0.0, interocular_px=11.99), a_face(0, 1.0, interocular_px=12.0)]
    assert times_s(chosen_faces(faces, PARAMS)) == [1.0]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A clip of two tracks, one of a single track, one of whose two tracks one is too small, and one of two shots."""
    at = Layout(tmp_path)
    faces = [
        *(a_face(0, time_s, turned_deg, "set/a") for time_s, turned_deg in ((0.0, 0.0), (1.0, 8.0))),
        a_face(1, 0.0, 3.0, "set/a"),
        a_face(0, 0.0, clip_id="set/c"),
        a_face(1, 0.0, clip_id="set/c", interocular_px=5.0),
    ]
    write_manifest(at.track_faces("set"), TrackFace, faces)
    write_manifest(at.frames("set"), Frame, [of_clip("set/a", n) for n in range(5)])
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
    faces = [(one.track_id[-3:], one.time_s) for one in from_table(TrackFace, first.faces)]
    assert faces == [("t00", 0.0), ("t00", 1.0), ("t01", 0.0)]
    assert len(third.faces) == len(fourth.faces) == 0  # a single track is compared with nothing
    assert fourth.shots == (((0.0, 1.0),), ((1.0, 2.0),))
    again = pickle.loads(pickle.dumps(first))
    assert again.content == first.content and again.faces.equals(first.faces)


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
    assert len(found[2.5]["set/b"].faces) == 0
    assert found[2.5]["set/d"].shots == (((0.0, 1.0),), ((1.0, 2.0),))  # several shots: all of it


def test_for_an_active_speaker_network_clips_of_several_tracks_or_shots_have_all_their_boxes(at: Layout) -> None:
    params = PARAMS.model_copy(update={"active_speaker": "light_asd"})
    items = {one.clip.clip_id: one for one in read_tracked_clips("set", params, at, voice_s=2.0)}
    n_boxes = {name: None if one.boxes is None else len(one.boxes) for name, one in items.items()}
    assert n_boxes == {"set/a": 5, "set/b": None, "set/c": 0, "set/d": 0}
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


def test_sound_alone_is_measured_like_a_clip_of_one_face_and_a_still_picture_is_not(
    at: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = media_clips(["set/picture", "set/range", "set/sound"])
    kinds = ({"kind": "picture"}, {"kind": "sound", "start_s": 1.0, "end_s": 9.0}, {"kind": "sound"})
    clips = [replace(one, media_s=5.0, **kind) for one, kind in zip(clips, kinds, strict=True)]
    monkeypatch.setattr(module, "read_media_clips", lambda *_: iter(clips))
    for voice_s, all_sound, n_voices in ((2.5, True, 1), (2.6, True, 2), (None, True, 0), (2.5, False, 1)):
        items = read_tracked_clips("set", PARAMS, at, voice_s=voice_s, all_sound=all_sound)
        found = {one.clip.clip_id: (one.n_voices, one.shots) for one in items}
        whole = ((0.0, 2.5), (2.5, 5.0)) if all_sound else ((0.0, 2.5),)
        assert found["set/sound"] == (n_voices, (whole,))
        assert list(found) == ["set/range", "set/sound"]
        assert found["set/range"][1][0][0] == (1.0, 3.0)
    assert list(read_tracked_clips("set", PARAMS, at, voice_s=None)) == []


class Greys:
    """Embeds a face as how bright and how dark its middle is."""

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks] | None = None) -> np.ndarray:
        assert landmarks is not None and all(points.shape == (68, 2) for points in landmarks)
        middles = np.array([face[128, 128, 0] for face in faces], np.float32)
        return np.stack([middles, 255 - middles], axis=1)


def embedded(faces: Sequence[TrackFace]) -> list[Any]:
    (clip,) = media_clips([CLIP])
    embed = ClipEmbedder(NamedRecogniser(Greys(), "greys-0", {}), None)
    return embed(TrackedClip(clip, to_table(TrackFace, faces), ()), Path())


def test_each_track_is_embedded_by_its_own_faces() -> None:
    dark, bright = embedded([a_face(0, 0.0), a_face(4, 0.0)])
    assert (dark.track_id, bright.track_id) == (f"{CLIP}-t00", f"{CLIP}-t04")
    for row, grey in ((dark, 40.0), (bright, 240.0)):
        expected = np.array([grey, 255 - grey])
        np.testing.assert_allclose(row.embedding, expected / np.linalg.norm(expected), atol=0.01)


def test_a_face_is_embedded_only_where_it_is_unlike_those_of_its_track_that_were() -> None:
    first, other = drawn(a_face(0, 0.0), 1), drawn(a_face(0, 2.0), 2)
    (alike,) = embedded([first, drawn(a_face(0, 1.0), 1)])
    (unlike,) = embedded([first, other])
    assert (alike.n_faces, unlike.n_faces) == (1, 2)
    assert alike.spherical_variance == pytest.approx(0.0, abs=1e-6)
    assert len(embedded([first, drawn(a_face(1, 1.0), 1)])) == 2  # another track has its own embedding


@pytest.mark.parametrize("eyes_apart_px", [30, 64, 90])
def test_a_kept_face_is_aligned_with_its_eyes_where_networks_take_them(eyes_apart_px: float) -> None:
    box = Box(20, 20, 2.4 * eyes_apart_px, 2.4 * eyes_apart_px)
    points = points_in(box)
    left, right = eye_centres(points)
    picture = np.zeros((300, 300), np.uint8)
    for x, y in (left, right):
        picture[round(float(y)) - 3 : round(float(y)) + 4, round(float(x)) - 3 : round(float(x)) + 4] = 255
    face = a_face(0, 0.0, landmarks_px=points.ravel(), image=Image(encode_grey(picture), "face.jpg"))
    aligned = module._aligned(face)
    assert aligned.picture.shape == (256, 256, 3)
    found = eye_centres(aligned.landmarks)
    np.testing.assert_allclose(found, [(96, 120), (160, 120)], atol=1e-3)
    assert all(aligned.picture[round(float(y)), round(float(x)), 0] > 200 for x, y in found)


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
    embed = ClipEmbedder(None, None, SoundNetworks(PauseAt(Path()), None))
    shots = (((0.0, 1.0), (1.0, 2.0)),)
    for n_voices, edge_s in ((None, pytest.approx(0.7, abs=0.11)), (0, 1.0)):
        first, second = embed(TrackedClip(clip, to_table(TrackFace, []), shots, n_voices=n_voices), Path())
        assert isinstance(first, StretchSound) and isinstance(second, StretchSound)
        assert (first.start_s, first.end_s, second.start_s, second.end_s) == (0.0, edge_s, edge_s, 2.0)
