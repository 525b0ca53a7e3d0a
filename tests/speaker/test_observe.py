"""The detect and crop steps on generated talkers: what they find is what was drawn."""

import io
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ffmpeg
import numpy as np
import pytest

from pipeline.core.base.images import decode_png
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import load_params
from pipeline.core.records.face import CANDIDATE, RANDOM
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import to_table
from pipeline.core.records.subject import main_subject_id
from pipeline.core.records.track import Track, TrackFace
from pipeline.face.crops.align import transform
from pipeline.face.crops.crop import CropParams, Cropper, ObservedClip, choose, measure_track
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.observe import Observer
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.mp4 import set_display_matrix
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.synthetic.script.truth import ClipTruth
from pipeline.video.clip import MediaClip
from pipeline.video.ffmpeg_program import run_ffmpeg

DETECT = load_params(DetectParams, "detect")
CROP = load_params(CropParams, "crop")
TALK = ClipSpec(seed=7, person=3, clip=1, duration_s=2.4)

Seen = tuple[MediaClip, ClipTruth, list[Frame], list[Track]]


def media_clip(path: Path) -> MediaClip:
    return MediaClip(
        clip_id="set/clip",
        path=path,
        sha256="",
        has_audio=True,
        start_s=None,
        end_s=None,
    )


@pytest.fixture(scope="module")
def observe(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Seen]:
    """Write and observe a clip; each only once."""
    known: dict[ClipSpec, Seen] = {}

    def once(spec: ClipSpec = TALK) -> Seen:
        if spec not in known:
            folder = tmp_path_factory.mktemp("clip")
            truth = write_clip(spec, folder / "a.mp4")
            clip = media_clip(folder / "a.mp4")
            rows = Observer(DETECT)(clip, folder)
            assert not isinstance(rows, Dropped), rows
            frames = [row for row in rows if isinstance(row, Frame)]
            tracks = [row for row in rows if isinstance(row, Track)]
            kept = {row.track_id for row in rows if isinstance(row, TrackFace)}
            assert kept == ({one.track_id for one in tracks} if len(tracks) > 1 else set())
            known[spec] = clip, truth, frames, tracks
        return known[spec]

    return once


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["talk", "rotated", "odd_rate"])
def test_one_talker_is_one_track_with_a_frame_for_every_picture(observe: Callable[..., Seen], kind: str) -> None:
    rate = {"fps_num": 2213, "fps_den": 100} if kind == "odd_rate" else {}
    _, truth, frames, tracks = observe(replace(TALK, kind=kind, **rate))
    assert len(tracks) == 1 and tracks[0].n_frames == len(frames)
    np.testing.assert_allclose([frame.time_s for frame in frames], truth.time_s, atol=1e-3)
    assert [frame.frame_index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("kind", ["talk", "rotated"])
def test_eyes_pose_and_mouth_are_those_that_were_drawn(observe: Callable[..., Seen], kind: str) -> None:
    _, truth, frames, _ = observe(replace(TALK, kind=kind))
    drawn = truth.faces[0]
    left = np.array([(frame.left_eye_x_px, frame.left_eye_y_px) for frame in frames])
    span = np.hypot(*(drawn.right_eye_px - drawn.left_eye_px).T)
    assert np.median(np.hypot(*(left - drawn.left_eye_px).T) / span) < 0.05
    assert np.median(np.abs([frame.yaw_deg for frame in frames] - drawn.yaw_deg)) < 4
    assert np.median(np.abs([frame.roll_deg for frame in frames] - drawn.roll_deg)) < 2
    assert np.corrcoef([frame.mouth_height for frame in frames], drawn.lip_opening)[0, 1] > 0.8


@pytest.mark.slow
def test_two_talkers_are_two_tracks_from_left_to_right(observe: Callable[..., Seen]) -> None:
    _, truth, frames, tracks = observe(replace(TALK, kind="two_people", second_person=4))
    assert [track.track_id[-3:] for track in tracks] == ["t00", "t01"]
    for track, drawn in zip(tracks, truth.faces, strict=True):
        here = np.array([frame.left_eye_x_px for frame in frames if frame.track_id == track.track_id])
        np.testing.assert_allclose(here, drawn.left_eye_px[:, 0], atol=15)


@pytest.mark.slow
def test_a_photo_that_is_larger_than_the_talker_is_marked(tmp_path: Path) -> None:
    write_clip(replace(TALK, duration_s=3.2), tmp_path / "talker.mp4")
    write_clip(replace(TALK, person=4), tmp_path / "other.mp4")
    talker = ffmpeg.input(str(tmp_path / "talker.mp4"))
    photo = ffmpeg.input(str(tmp_path / "other.mp4")).video.filter("trim", end_frame=1).filter("scale", 960, 540)
    photo = photo.filter("loop", loop=80, size=1).filter("setpts", "N/25/TB")
    both = ffmpeg.filter([talker.video.filter("pad", 640, 540), photo], "hstack", shortest=1)
    run_ffmpeg(ffmpeg.output(both, talker.audio, str(tmp_path / "a.mp4"), preset="ultrafast", crf="24", r=25))
    rows = Observer(DETECT)(media_clip(tmp_path / "a.mp4"), tmp_path)
    assert not isinstance(rows, Dropped), rows
    small, large = (row for row in rows if isinstance(row, Track))
    assert small.mean_box_h_px < large.mean_box_h_px
    assert (small.is_still_picture, large.is_still_picture) == (False, True)


def test_a_cut_ends_a_track_and_begins_another(observe: Callable[..., Seen]) -> None:
    _, _, _, tracks = observe(replace(TALK, kind="cuts", second_person=4))
    assert [round(track.start_s, 2) for track in tracks] == [0.0, 1.2]
    assert [round(track.end_s, 2) for track in tracks] == [1.16, 2.36]


def test_a_clip_without_a_face_is_filtered(tmp_path: Path) -> None:
    write_clip(replace(TALK, kind="no_face", duration_s=1.0), tmp_path / "a.mp4")
    dropped = Observer(DETECT)(media_clip(tmp_path / "a.mp4"), tmp_path)
    assert isinstance(dropped, Dropped) and (dropped.status, dropped.reason) == ("filtered", "no_face")


def test_a_file_that_does_not_decode_is_failed(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    dropped = Observer(DETECT)(media_clip(tmp_path / "a.mp4"), tmp_path)
    assert isinstance(dropped, Dropped) and (dropped.status, dropped.reason) == ("failed", "undecodable")


def test_an_observer_goes_to_a_worker_without_its_models(observe: Callable[..., Seen]) -> None:
    clip, _, frames, _ = observe()
    observer = Observer(DETECT)
    observer(replace(clip, end_s=0.3), Path())
    again = pickle.load(io.BytesIO(pickle.dumps(observer)))(clip, Path())
    assert [row for row in again if isinstance(row, Frame)] == frames


def test_a_range_of_a_clip_keeps_the_times_of_the_whole(observe: Callable[..., Seen]) -> None:
    clip, _, frames, _ = observe()
    rows = Observer(DETECT)(replace(clip, start_s=0.8, end_s=1.6), Path())
    assert not isinstance(rows, Dropped)
    times_s = [row.time_s for row in rows if isinstance(row, Frame)]
    assert times_s == [frame.time_s for frame in frames if 0.8 <= round(frame.time_s, 6) < 1.6]


def subjects_of(frames: list[Frame]) -> dict[str, str]:
    """All tracks are of one subject."""
    return {frame.track_id: main_subject_id(frame.clip_id) for frame in frames}


@pytest.fixture(scope="module")
def faces(observe: Callable[..., Seen]) -> list:
    clip, _, frames, _ = observe()
    cropped = Cropper(CROP, "dlib")(ObservedClip(clip, to_table(Frame, frames), subjects_of(frames)), Path())
    assert not isinstance(cropped, Dropped)
    return cropped


@pytest.mark.slow
def test_two_subjects_in_one_picture_are_each_given_the_faces_they_would_have_alone(
    observe: Callable[..., Seen], faces: list
) -> None:
    clip, _, frames, _ = observe()
    (track_id,) = {frame.track_id for frame in frames}
    other_id = f"{track_id[:-2]}99"
    others = [
        replace(frame, track_id=other_id, frame_id=frame.frame_id.replace(track_id, other_id)) for frame in frames
    ]
    subject_of = {track_id: f"{clip.clip_id}-s00", other_id: f"{clip.clip_id}-s01"}
    both = Cropper(CROP, "dlib")(ObservedClip(clip, to_table(Frame, [*frames, *others]), subject_of), Path())
    alone = Cropper(CROP, "dlib")(ObservedClip(clip, to_table(Frame, others), subject_of), Path())
    assert isinstance(both, list) and isinstance(alone, list)
    assert {one.subject_id for one in both} == set(subject_of.values())
    for expected in (faces, alone):
        found = [face for face in both if face.subject_id == expected[0].subject_id]
        assert [(one.face_id, one.sampled_by, one.lip_gap, one.image_sha256) for one in found] == [
            (one.face_id, one.sampled_by, one.lip_gap, one.image_sha256) for one in expected
        ]


def test_crops_are_those_chosen_in_time_order(observe: Callable[..., Seen], faces: list) -> None:
    _, _, frames, _ = observe()
    chosen = choose(measure_track(frames, main_subject_id(frames[0].clip_id), CROP), CROP)
    assert [face.face_id for face in faces] == [face.face_id for face in chosen]
    assert [face.time_s for face in faces] == sorted(face.time_s for face in faces)
    drawn = [face.face_id for face in faces if face.sampled_by == RANDOM]
    best = [face.face_id for face in faces if face.sampled_by == CANDIDATE]
    assert len(drawn) == CROP.n_random and 0 < len(best) <= CROP.n_candidates
    assert len({*drawn, *best}) == len(faces)


def test_true_eyes_come_to_the_template(observe: Callable[..., Seen], faces: list) -> None:
    _, truth, _, _ = observe()
    drawn, template = truth.faces[0], CROP.template
    for face in faces:
        at = int(np.abs(truth.time_s - face.time_s).argmin())
        eyes = np.array([drawn.left_eye_px[at], drawn.right_eye_px[at]], np.float32)
        mapped = transform(face.alignment.reshape(2, 3), eyes)
        np.testing.assert_allclose(mapped[0], (template.left_eye_x_px, template.eyes_y_px), atol=6)
        np.testing.assert_allclose(mapped[1], (template.right_eye_x_px, template.eyes_y_px), atol=6)


def test_pictures_have_the_templates_size_and_landmarks_their_eyes_on_it(faces: list) -> None:
    for face in faces:
        assert decode_png(face.image.bytes).shape == (CROP.template.size_px, CROP.template.size_px, 3)
        points = face.landmarks_px.reshape(68, 2)
        np.testing.assert_allclose(points[36:42].mean(axis=0), (96, 120), atol=0.02)
        np.testing.assert_allclose(points[42:48].mean(axis=0), (160, 120), atol=0.02)


def test_a_turned_clip_gives_the_same_pictures_upright(observe: Callable[..., Seen]) -> None:
    """The nose is below the eyes in every crop of a clip that a player has to turn."""
    clip, _, frames, _ = observe(replace(TALK, kind="rotated"))
    turned = Cropper(CROP, "dlib")(ObservedClip(clip, to_table(Frame, frames), subjects_of(frames)), Path())
    assert not isinstance(turned, Dropped)
    assert all(face.landmarks_px.reshape(68, 2)[30, 1] > 130 for face in turned)


HDR = (
    "scale=in_color_matrix=bt601:out_color_matrix=bt709,format=yuv420p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,"
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
)
STORED: dict[str, tuple[str, dict[str, str], tuple[int, int, int, int]]] = {
    "mirrored, turned and squeezed": ("transpose=0,scale=270:640,setsar=4/3", {"vcodec": "libx264"}, (0, 1, 1, 0)),
    "mirrored and in PQ": (f"hflip,{HDR}", {"vcodec": "libx265", "x265-params": "log-level=error"}, (-1, 0, 0, 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", STORED)
def test_however_a_talker_is_stored_its_face_is_found_upright_at_its_place(
    observe: Callable[..., Seen], faces: list, how: str, tmp_path: Path
) -> None:
    plain, truth, frames, _ = observe()
    filters, encoder, matrix = STORED[how]
    path = tmp_path / "a.mp4"
    run_ffmpeg(ffmpeg.input(plain.path).output(str(path), vf=filters, preset="ultrafast", crf="6", **encoder))
    set_display_matrix(path, matrix)
    clip = media_clip(path)
    rows = Observer(DETECT)(clip, tmp_path)
    assert not isinstance(rows, Dropped)
    seen = [row for row in rows if isinstance(row, Frame)]
    assert len(seen) == len(frames)
    drawn = truth.faces[0]
    left = np.array([(frame.left_eye_x_px, frame.left_eye_y_px) for frame in seen])
    span = np.hypot(*(drawn.right_eye_px - drawn.left_eye_px).T)
    assert np.median(np.hypot(*(left - drawn.left_eye_px).T) / span) < 0.05
    times_s = {face.time_s: decode_png(face.image.bytes).astype(int) for face in faces}
    chosen = [frame for frame in seen if frame.time_s in times_s]
    cropped = Cropper(CROP, "dlib")(ObservedClip(clip, to_table(Frame, chosen), subjects_of(chosen)), tmp_path)
    assert not isinstance(cropped, Dropped) and len(cropped) >= 8
    for face in cropped:
        shown = decode_png(face.image.bytes).astype(int)
        assert np.median(np.abs(shown - times_s[face.time_s])[80:200, 80:176]) <= 8


def test_standardness_has_no_thresholds_and_only_complete_windows_have_one(observe: Callable[..., Seen]) -> None:
    _, truth, frames, _ = observe()
    measured = measure_track(frames, main_subject_id(frames[0].clip_id), CROP)
    assert all(face.standardness is not None for face in measured)
    window = 2 * round(CROP.lip_window_s * 25) + 1
    too_short = measure_track(frames[: window - 1], "set/talk-s00", CROP)
    assert all(face.standardness is None for face in too_short)
    shut = truth.faces[0].lip_opening < 0.02
    scores = np.array([face.standardness or -np.inf for face in measured])
    assert np.median(scores[shut]) > np.median(scores[~shut])
