"""Frames are found by their times also where stamps are in order of decoding, jump, are missing, or end too early."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import pytest

from pipeline.core.base.errors import BadMedia
from pipeline.video import seek
from pipeline.video.decode import grey_frames, rgb_frames_at
from pipeline.video.ffmpeg_program import run_ffmpeg
from tests.video.test_decode import index_shown, write_numbered

N_FRAMES = 60
B_FRAMES = {"g": "12", "qp": "0", "x264-params": "bframes=2:b-adapt=0"}


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbered(tmp_path_factory.mktemp("v") / "n.mp4", [40 * n for n in range(N_FRAMES)], options=B_FRAMES)


def copied(source: Path, path: Path, **options: object) -> Path:
    run_ffmpeg(ffmpeg.input(str(source)).output(str(path), codec="copy", **options))
    return path


def encoded(source: Path, path: Path) -> Path:
    options = {"vcodec": "libx264", "qp": 0, "g": 12, "x264-params": "bframes=2:b-adapt=0"}
    run_ffmpeg(ffmpeg.input(str(source)).output(str(path), **options))
    return path


def read_all(path: Path, **options: Any) -> list[tuple[float, int]]:
    return [(frame.time_s, index_shown(frame.grey)) for frame in grey_frames(path, max_side_px=64, **options)]


def test_in_an_avi_with_b_frames_pictures_have_the_times_of_showing(numbered: Path, tmp_path: Path) -> None:
    """H.264 in AVI keeps the stamps of decoding."""
    path = encoded(numbered, tmp_path / "b.avi")
    frames = read_all(path)
    assert [index for _, index in frames] == list(range(N_FRAMES))
    assert [time_s for time_s, _ in frames] == pytest.approx([n * 0.04 for n in range(N_FRAMES)])
    wanted_s = [frames[n][0] for n in (5, 20, 21, 50)]
    assert [index_shown(picture) for _, picture in rgb_frames_at(path, wanted_s)] == [5, 20, 21, 50]
    assert [index for _, index in read_all(path, start_s=1.0, end_s=1.2)] == list(range(25, 30))


@pytest.mark.parametrize("suffix", ["h264", "264"])
def test_raw_video_is_read_at_its_rate(suffix: str, numbered: Path, tmp_path: Path) -> None:
    path = encoded(numbered, tmp_path / f"raw.{suffix}")
    frames = read_all(path)
    assert [index for _, index in frames] == list(range(N_FRAMES))
    assert [time_s for time_s, _ in frames] == pytest.approx([n * 0.04 for n in range(N_FRAMES)])
    assert [index_shown(picture) for _, picture in rgb_frames_at(path, [frames[7][0], frames[40][0]])] == [7, 40]


def test_in_joined_files_each_part_gives_its_own_pictures(numbered: Path, tmp_path: Path) -> None:
    """Both parts have the same stamps: a time of the second must not give a picture of the first."""
    first = copied(numbered, tmp_path / "first.ts", frames=40)
    second = write_numbered(tmp_path / "n.mp4", [40 * n for n in range(80, 110)], options=B_FRAMES)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + copied(second, tmp_path / "second.ts").read_bytes())
    frames = read_all(both)
    times_s = np.array([time_s for time_s, _ in frames])
    assert len(frames) == 70
    assert np.diff(times_s) == pytest.approx(0.04, abs=1e-4)
    for n in (3, 39, 40, 69):
        ((_, picture),) = rgb_frames_at(both, [times_s[n]])
        assert index_shown(picture) == frames[n][1]
    assert read_all(both, start_s=float(times_s[45]), end_s=float(times_s[47])) == frames[45:47]


def test_the_cost_of_a_range_follows_its_length_and_not_its_place(
    numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, shown = seek._as_decoded, []

    def counted(*args: Any) -> Iterator[tuple[Any, float]]:
        for one in decoded(*args):
            shown.append(one[1])
            yield one

    monkeypatch.setattr(seek, "_as_decoded", counted)
    n_decoded = []
    for start_s in (0.28, 2.2):  # 7 frames behind a key frame
        assert len(read_all(numbered, start_s=start_s, end_s=start_s + 0.12, has_jumps=False)) == 3
        n_decoded.append(len(shown))
        shown.clear()
    assert n_decoded[1] == n_decoded[0] <= 12


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_a_range_behind_the_last_picture_is_a_bad_range(suffix: str, numbered: Path, tmp_path: Path) -> None:
    path = encoded(numbered, tmp_path / f"n.{suffix}")
    assert [index for _, index in read_all(path, start_s=2.36, end_s=9.0)] == [N_FRAMES - 1]
    for start_s in (2.37, 30.0):
        with pytest.raises(
            BadMedia, match=r"bad_range: the last picture is at 2\.36\d s, before the range that starts"
        ):
            read_all(path, start_s=start_s, end_s=start_s + 9)


@pytest.mark.parametrize("start_s", [3.0, 1e15, 1e300])
def test_a_range_behind_the_end_is_a_bad_range_however_late(numbered: Path, start_s: float) -> None:
    with pytest.raises(BadMedia, match="bad_range"):
        read_all(numbered, start_s=start_s)


def test_a_file_that_cannot_be_sought_is_read_from_its_start(numbered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def to_the_end(video: seek.OpenVideo, stream: Any, time_s: float) -> None:
        video.container.seek(10**9, stream=stream)

    ((_, sought),) = rgb_frames_at(numbered, [1.52])
    monkeypatch.setattr(seek, "_seek", to_the_end)
    assert read_all(numbered, start_s=1.5, end_s=1.6) == [(1.52, 38), (1.56, 39)]
    ((_, read),) = rgb_frames_at(numbered, [1.52])
    assert np.array_equal(read, sought)


def test_a_frame_whose_time_goes_back_is_left_out(numbered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times_s = iter([0.0, 0.04, 0.04, 0.0403, 0.02, 0.08])
    frames = seek._as_decoded

    def damaged(*args: Any) -> Iterator[tuple[Any, float]]:
        yield from ((frame, time_s) for (frame, _), time_s in zip(frames(*args), times_s, strict=False))

    monkeypatch.setattr(seek, "_as_decoded", damaged)
    assert read_all(numbered) == [(0.0, 0), (0.04, 1), (0.08, 5)]
