"""A face's video shows the picture in one fixed box, at 25 a second, in step with its sound."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.face import FaceVideo
from pipeline.core.records.frame import Frame
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.schema import to_table
from pipeline.face.crops.crop import ObservedClip
from pipeline.face.videos.settings import FaceVideoParams
from pipeline.face.videos.write import FaceVideoItem, at_rate, write_face_videos
from pipeline.video.clip import MediaClip
from pipeline.video.encode import Encoding, write_mp4
from tests.face.faces import PERFECT_FRAME
from tests.face.videos.test_fixed_box import PARAMS

SIZE_PX, LENGTH_S, EVENT_S, START_S = (320, 240), 4.0, 2.2, 0.4
FACE_PX, PATCH_PX = 60, 20
SMALL = PARAMS.model_copy(update={"min_box_px": 60})


def face_x_px(time_s: float) -> float:
    return 60 + 9 * time_s


def pictures(fps: Fraction) -> Iterator[ImageRGB]:
    """A red patch, the face's middle, moves right on grey; in the one picture in which EVENT_S lies all is white."""
    for k in range(round(LENGTH_S * fps)):
        picture = np.full((SIZE_PX[1], SIZE_PX[0], 3), 90, np.uint8)
        left = round(face_x_px(float(k / fps)) + (FACE_PX - PATCH_PX) / 2)
        picture[110:130, left : left + PATCH_PX] = (220, 40, 40)
        yield picture if not k <= EVENT_S * fps < k + 1 else np.full_like(picture, 255)


def sound(late_s: float) -> NDArray[np.float32]:
    """Faint noise, and a click at EVENT_S, or as late."""
    wave = np.random.default_rng(1).normal(0, 0.003, round(LENGTH_S * 16_000)).astype(np.float32)
    click = round((EVENT_S + late_s) * 16_000)
    wave[click : click + 80] = 0.9
    return wave


def item_of(path: Path, fps: Fraction, late_s: float = 0.0) -> FaceVideoItem:
    """Write the media; the face is observed from START_S on, in every frame."""
    encoding = Encoding(fps=fps, size_px=SIZE_PX, crf=10)
    write_mp4(path, pictures(fps), encoding, sound=sound(late_s), sample_rate_hz=16_000)
    frames = [
        replace(
            PERFECT_FRAME,
            frame_id=f"set/clip-t00-{round(1000 * k / fps):08d}",
            frame_index=k,
            time_s=float(k / fps),
            box_x_px=face_x_px(float(k / fps)),
            box_y_px=90.0,
            box_w_px=FACE_PX,
            box_h_px=FACE_PX,
        )
        for k in range(round(LENGTH_S * fps))
        if float(k / fps) >= START_S
    ]
    clip = MediaClip(clip_id="set/clip", path=path, sha256="", has_audio=True, start_s=None, end_s=None)
    observed = ObservedClip(clip, to_table(Frame, frames), {"set/clip-t00": "set/clip-s00"})
    return FaceVideoItem(observed, (0.0,), late_s)


def opened(path: Path) -> tuple[list[tuple[float, ImageRGB]], list[float], NDArray[np.float32]]:
    """Return the pictures with their times, and the times and the samples of the sound, as PyAV decodes them."""
    with av.open(str(path)) as container:
        shown = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        heard = list(container.decode(audio=0))
    rate = heard[0].sample_rate
    times_s = [float(heard[0].time), float(heard[-1].time) + heard[-1].samples / rate]
    return shown, times_s, np.concatenate([frame.to_ndarray()[0] for frame in heard])


def written(item: FaceVideoItem, folder: Path, params: FaceVideoParams = SMALL) -> FaceVideo:
    rows = write_face_videos(item, folder, params=params)
    assert not isinstance(rows, Dropped), rows
    (row,) = rows
    assert isinstance(row, FaceVideo), row
    return row


@pytest.mark.parametrize(
    ("fps", "late_s"), [(Fraction(25), 0.0), (Fraction(30_000, 1001), 0.0), (Fraction(25), 0.3), (Fraction(25), -0.3)]
)
def test_picture_and_sound_of_a_video_are_in_step(fps: Fraction, late_s: float, tmp_path: Path) -> None:
    """Also where the media's sound is known to be late or early."""
    row = written(item_of(tmp_path / "media.mp4", fps, late_s), tmp_path)
    shown, sound_s, samples = opened(tmp_path / row.path)
    assert shown[0][0] == sound_s[0] == 0.0
    assert shown[-1][0] + 1 / 25 == pytest.approx(row.n_frames / 25)
    assert sound_s[1] == pytest.approx(row.n_frames / 25, abs=1024 / 16_000)  # the last packet is filled up
    assert row.n_frames == len(shown) == pytest.approx((LENGTH_S - START_S) * 25, abs=1)
    flash_s = max(shown, key=lambda one: float(one[1].mean()))[0] + 0.5 / 25  # the middle of its picture
    click_s = int(np.abs(samples).argmax()) / 16_000
    assert abs(flash_s - click_s) <= 0.5 / 25 + 0.5 / float(fps) * (fps != 25)
    assert click_s == pytest.approx(EVENT_S - row.start_s, abs=0.01)


def test_the_face_moves_in_a_box_that_does_not(tmp_path: Path) -> None:
    """Pixels of the video, times the box's scale, are where the face is in the media."""
    row = written(item_of(tmp_path / "media.mp4", Fraction(25)), tmp_path)
    shown, _, _ = opened(tmp_path / row.path)
    assert {picture.shape for _, picture in shown} == {(64, 64, 3)}
    scale = row.box_side_px / row.size_px
    for time_s, picture in shown:
        is_red = (picture[..., 0] > 150) & (picture[..., 1] < 110)
        if is_red.any():
            x_px = row.box_x_px + scale * (np.nonzero(is_red)[1].mean() + 0.5)
            assert x_px == pytest.approx(face_x_px(row.start_s + time_s) + FACE_PX / 2, abs=2)
    union_px = FACE_PX + face_x_px(LENGTH_S - 0.04) - face_x_px(START_S)
    assert row.box_side_px == pytest.approx(1.2 * union_px, abs=1)


def test_both_log_mels_are_as_long_as_the_video(tmp_path: Path) -> None:
    row = written(item_of(tmp_path / "media.mp4", Fraction(25)), tmp_path)
    assert row.sync_log_mel.shape == (80 * row.n_frames,)
    of_wav2lip = row.wav2lip_log_mel.reshape(80, -1)
    assert of_wav2lip.shape[1] == row.n_frames * 640 // 200 + 1
    click_s = EVENT_S - row.start_s
    assert int(row.sync_log_mel.reshape(80, -1).sum(axis=0).argmax()) == int(click_s * 25)
    assert int(of_wav2lip.sum(axis=0).argmax()) == pytest.approx(click_s * 80, abs=2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"margin": 1.0}, "box_leaves_frame"),
        ({"min_frames": 91}, "too_short"),
        ({"min_box_px": 93}, "too_small"),
    ],
)
def test_a_video_that_is_not_written_has_its_reason(changes: dict[str, float], reason: str, tmp_path: Path) -> None:
    """Of 90 pictures, in boxes that span 92.04 px."""
    item = item_of(tmp_path / "media.mp4", Fraction(25))
    end = write_face_videos(item, tmp_path, params=SMALL.model_copy(update=changes))
    assert end == Dropped.filtered("no_face_video", f"1 were dropped: {reason}")
    assert not [*tmp_path.glob("set_*")]


def test_the_other_videos_of_a_clip_are_kept(tmp_path: Path) -> None:
    item = replace(item_of(tmp_path / "media.mp4", Fraction(25)), cuts_s=(0.0, 1.0))
    first, second = write_face_videos(item, tmp_path, params=SMALL.model_copy(update={"min_frames": 50}))
    assert isinstance(first, LedgerRow)
    assert (first.item_id, first.reason) == ("set/clip-s00-f00000400", "too_short")
    assert isinstance(second, FaceVideo)
    assert (second.video_id, second.start_s, second.n_frames) == ("set/clip-s00-f00001000", 1.0, 75)


def test_a_clip_without_sound_is_filtered(tmp_path: Path) -> None:
    item = item_of(tmp_path / "media.mp4", Fraction(25))
    silent = replace(item.observed, clip=replace(item.observed.clip, has_audio=False))
    end = write_face_videos(replace(item, observed=silent), tmp_path, params=SMALL)
    assert isinstance(end, Dropped)
    assert end.reason == "no_audio"


def test_the_nearest_picture_is_shown() -> None:
    frames = [(k / 30, np.full((1, 1, 3), k, np.uint8)) for k in range(10)]
    shown = [int(picture[0, 0, 0]) for picture in at_rate(frames, 0.0, 9, 25)]
    assert shown == [0, 1, 2, 4, 5, 6, 7, 8, 9]  # of 0, 1.2, 2.4, 3.6, ... 9.6
