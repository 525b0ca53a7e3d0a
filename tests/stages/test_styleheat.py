"""The recipe styleheat on a folder of generated talkers: faces that move in one fixed box, as videos with sound."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.records.face import FaceVideo
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.manifest import read_manifest
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.synthetic.script.truth import ClipTruth
from stages.__main__ import run_stage
from tests.stages.recipe import checkout_with, params_of, run_stages

LARGE = ClipSpec(seed=5, person=1, clip=0, preset="wide", duration_s=2.8, width_px=1280, height_px=720)
SMALL = replace(LARGE, person=0, duration_s=2.6, width_px=640, height_px=360)


@dataclass(frozen=True)
class Run:
    """The stages up to face_videos, and the truth about the large talker."""

    at: Layout
    truth: ClipTruth

    def video(self) -> FaceVideo:
        (video,) = read_manifest(self.at.face_videos_folder("clips") / "videos.parquet", FaceVideo)
        return video


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("styleheat")
    (folder / "videos").mkdir()
    (folder / "root").mkdir()
    truth = write_clip(LARGE, folder / "videos" / "large.mp4")
    write_clip(SMALL, folder / "videos" / "small.mp4")
    at = checkout_with(folder / "root", ["styleheat"], folder / "videos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVOX_CACHE", str(folder / "store"))
        patch.setenv("FACEVOX_WORKERS", "1")
        run_stages(at, ["sources", "download", "detect", "subjects", "face_videos", "audio"])
        yield Run(at, truth)


def test_the_recipe_has_the_settings_of_the_supplement(ran: Run) -> None:
    params = params_of(ran.at)
    assert params["face_videos"] == {
        "size_px": 256,
        "fps": 25,
        "crf": 18,
        "margin": 0.1,
        "min_box_px": 256,
        "min_iou": 0.25,
        "max_gap_s": 0.2,
        "min_frames": 64,
        "max_frames": 1024,
    }
    assert (params["audio"]["profile"], params["audio"]["n_frames"], params["audio"]["segment_s"]) == ("sync", 150, 6.0)


def test_on_top_of_it_hdtf_is_at_512_px(ran: Run, tmp_path: Path) -> None:
    at = checkout_with(tmp_path, ["styleheat", "styleheat_hdtf"], ran.at.root.parent / "videos")
    assert params_of(at)["face_videos"] == {**params_of(ran.at)["face_videos"], "size_px": 512}


def test_the_moving_face_stays_in_the_fixed_box(ran: Run) -> None:
    video, (face,) = ran.video(), ran.truth.faces
    corners = (face.left_eye_px, face.right_eye_px, face.mouth_left_px, face.mouth_right_px)
    shown = (ran.truth.time_s >= video.start_s - 1e-6) & (ran.truth.time_s < video.end_s - 1e-6)
    points = np.stack(corners)[:, shown]
    interocular_px = np.linalg.norm(face.right_eye_px - face.left_eye_px, axis=1).mean()
    assert np.ptp(points[0], axis=0).max() > 0.9 * interocular_px
    inside = points - (video.box_x_px, video.box_y_px)
    assert inside.min() > 0.2 * interocular_px
    assert inside.max() < video.box_side_px - 0.2 * interocular_px
    assert video.n_frames == video.n_observed == shown.sum() == 70


def test_the_video_opens_with_picture_and_sound_from_0_to_the_same_end(ran: Run) -> None:
    video = ran.video()
    with av.open(str(ran.at.face_videos_folder("clips") / video.path)) as container:
        sizes = {(stream.type, stream.codec_context.name) for stream in container.streams}
        pictures = [(frame.time, frame.width, frame.height) for frame in container.decode(video=0)]
    with av.open(str(ran.at.face_videos_folder("clips") / video.path)) as container:
        heard = list(container.decode(audio=0))
    assert sizes == {("video", "h264"), ("audio", "aac")}
    assert [time_s for time_s, _, _ in pictures] == pytest.approx([k / 25 for k in range(70)])
    assert {size for _, *size in map(list, pictures) for size in [tuple(size)]} == {(256, 256)}
    assert heard[0].time == 0.0
    assert heard[-1].time + heard[-1].samples / 16_000 == pytest.approx(70 / 25, abs=1024 / 16_000)


def test_every_video_and_every_clip_has_its_end_in_the_ledger(ran: Run) -> None:
    ends = {row.item_id: row.reason for row in read_manifest(ran.at.ledger("face_videos", "clips"), LedgerRow)}
    assert ends == {"clips/large.mp4": "", ran.video().video_id: "", "clips/small.mp4": "no_face_video"}


def test_it_is_computed_once(ran: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = ran.video()
    run_stage("face_videos", "clips", ran.at)
    assert "0 computed, 2 from the store" in capsys.readouterr().out
    assert ran.video().sha256 == before.sha256


def test_without_a_size_nothing_is_written(ran: Run, tmp_path: Path) -> None:
    off = checkout_with(tmp_path, [], ran.at.root.parent / "videos")
    assert params_of(off)["face_videos"]["size_px"] is None
    run_stage("face_videos", "clips", off)
    assert read_manifest(off.face_videos_folder("clips") / "videos.parquet", FaceVideo) == []
    assert read_manifest(off.ledger("face_videos", "clips"), LedgerRow) == []
