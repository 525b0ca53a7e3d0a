"""Frames are found by their time stamps: all of them in order, or the requested ones, in files of every kind."""

import gc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np
import pytest

from pipeline.core.base.errors import BadMedia
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video import seek
from pipeline.video.decode import GreyFrame, grey_frames, rgb_frames_at
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.picture import FormReader, shown_rgb
from tests.video.conftest import write_video

N_FRAMES = 90
SIDE_PX = 48
STEP = 12  # grey values between two indices


def numbered_picture(index: int) -> np.ndarray:
    """A picture (48, 64, 3) that encodes its index in the brightness of its halves, sixteenths on the right."""
    picture = np.zeros((SIDE_PX, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = 20 + STEP * (index // 16), 20 + STEP * (index % 16)
    return picture


def write_numbered(
    path: Path, times_ms: list[int], *, codec: str = "libx264", options: dict[str, str] | None = None
) -> Path:
    """Write numbered pictures at the given times, a key frame every 25."""
    tick = Fraction(1, 25 if codec == "mpeg1video" else 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {"g": "25", "bf": "2", "qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, SIDE_PX, "yuv420p"
        stream.time_base = stream.codec_context.time_base = tick
        for index, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(numbered_picture(index), format="rgb24")
            frame.pts, frame.time_base = round(time_ms / 1000 / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbered(tmp_path_factory.mktemp("video") / "n.mp4", [40 * n for n in range(N_FRAMES)])


def index_shown(picture: np.ndarray) -> int:
    """Read the index of a numbered picture."""
    sixteens, ones = (round((float(picture[8:-8, x : x + 12].mean()) - 20) / STEP) for x in (10, 42))
    return 16 * sixteens + ones


def everything(path: Path, **options: object) -> list[GreyFrame]:
    return list(grey_frames(path, **{"max_side_px": 1280, **options}))  # type: ignore[arg-type]


def test_every_frame_comes_once_in_order_with_its_time(numbered: Path) -> None:
    frames = everything(numbered)
    assert [frame.index for frame in frames] == list(range(N_FRAMES))
    assert [index_shown(frame.grey) for frame in frames] == list(range(N_FRAMES))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(N_FRAMES) / 25, atol=1e-6)


def test_grey_is_luma_of_full_range(tmp_path: Path) -> None:
    """A white and a black half are 255 and 0, not the 235 and 16 of the file."""
    picture = np.zeros((SIDE_PX, 64, 3), np.uint8)
    picture[:, 32:] = 255
    path = tmp_path / "bw.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, SIDE_PX, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    (frame,) = everything(path)
    assert abs(int(frame.grey[24, 8]) - 0) <= 1 and abs(int(frame.grey[24, 56]) - 255) <= 1


def test_every_value_of_video_luma_becomes_the_nearest_of_full_range(tmp_path: Path) -> None:
    luma = np.tile(np.arange(256, dtype=np.uint8), (SIDE_PX, 1))
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, SIDE_PX, "yuv420p"
        planes = np.concatenate([luma, np.full((SIDE_PX // 2, 256), 128, np.uint8)])
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    (frame,) = everything(path)
    expected = [min(255, max(0, round((value - 16) * 255 / 219))) for value in range(256)]
    assert (frame.grey == expected).all()


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("libx264", "yuv420p"), ("libx264", "yuv422p"), ("libx264", "yuv444p"), ("mjpeg", "yuvj420p"), ("ffv1", "bgr0")]
    + [("libx264", "yuv420p10le"), ("ffv1", "gray")],
)
def test_grey_does_not_depend_on_how_the_pixels_are_stored(tmp_path: Path, codec: str, pixels: str) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, SIDE_PX, pixels
        container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_picture(63), format="rgb24")))
        container.mux(stream.encode(None))
    (frame,) = everything(path)
    assert frame.grey.dtype == np.uint8 and frame.grey.shape == (SIDE_PX, 64)
    assert float(frame.grey[8:-8, 6:26].mean()) == pytest.approx(56, abs=3)
    assert float(frame.grey[8:-8, 40:58].mean()) == pytest.approx(200, abs=3)


def test_times_are_those_of_the_time_stamps_where_the_rate_varies(tmp_path: Path) -> None:
    times_ms = [0, 40, 80, 400, 410, 420, 1000, 1033, 1067]
    path = write_numbered(tmp_path / "vfr.mp4", times_ms)
    np.testing.assert_allclose([1000 * frame.time_s for frame in everything(path)], times_ms, atol=0.6)


def test_times_of_an_odd_rate_are_exact(tmp_path: Path) -> None:
    spec = ClipSpec(seed=1, person=1, clip=0, kind="odd_rate", fps_num=2213, fps_den=100, duration_s=2.0)
    truth = write_clip(spec, tmp_path / "a.mp4")
    times_s = [frame.time_s for frame in everything(tmp_path / "a.mp4")]
    np.testing.assert_allclose(times_s, truth.time_s, atol=1e-4)


def test_time_counts_from_the_first_picture(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "late.mkv", [5000 + 40 * n for n in range(20)])
    frames = everything(path)
    assert (frames[0].time_s, frames[-1].time_s) == (0.0, pytest.approx(0.76, abs=0.001))
    ((_, picture),) = rgb_frames_at(path, [frames[12].time_s])
    assert index_shown(picture) == 12


def test_a_large_frame_is_shrunk_and_a_small_one_is_not(numbered: Path) -> None:
    small = everything(numbered, max_side_px=32)[10]
    assert (small.grey.shape, small.scale) == ((24, 32), 2.0)
    assert index_shown(np.repeat(np.repeat(small.grey, 2, 0), 2, 1)) == 10
    kept = everything(numbered, max_side_px=640)[10]
    assert (kept.grey.shape, kept.scale) == ((48, 64), 1.0)


def test_rows_have_no_padding_at_an_odd_width(tmp_path: Path) -> None:
    """PyAV pads rows of such widths; dlib would lose faces."""
    write_video(tmp_path / "a.mp4", n_frames=3)
    odd = tmp_path / "odd.mkv"
    run_ffmpeg(
        ffmpeg.input(tmp_path / "a.mp4").output(str(odd), vf="scale=853:480,setsar=1", pix_fmt="yuv444p", an=None)
    )
    frame = everything(odd)[0]
    assert frame.grey.shape == (480, 853) and frame.grey.flags.c_contiguous
    ((_, picture),) = rgb_frames_at(odd, [frame.time_s])
    assert picture.shape == (480, 853, 3) and picture.flags.c_contiguous
    assert float(np.abs(picture.mean(axis=2) - frame.grey).mean()) < 12


def test_a_picture_leaves_memory_with_its_last_user(numbered: Path) -> None:
    """And not when Python next looks for objects that refer to each other in a circle: a picture has megabytes."""
    gc.collect()
    gc.disable()
    try:
        assert len([frame.index for frame in grey_frames(numbered, max_side_px=64)]) == N_FRAMES
        assert len([time_s for time_s, _ in rgb_frames_at(numbered, [0.4, 0.8, 1.2, 1.6])]) == 4
        left = [one for one in gc.get_objects() if type(one) is av.VideoFrame]
    finally:
        gc.enable()
    assert left == []


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(None, 1.0), (1.0, None), (1.0, 2.0), (1.02, 2.02), (0.0, 0.04), (2.9, 9.0)]
)
def test_a_range_holds_the_frames_from_its_start_to_before_its_end(
    numbered: Path, start_s: float | None, end_s: float | None
) -> None:
    frames = everything(numbered, start_s=start_s, end_s=end_s)
    expected = [n for n in range(N_FRAMES) if (start_s or 0) <= n / 25 + 1e-9 and n / 25 < (end_s or 9) - 1e-9]
    assert [index_shown(frame.grey) for frame in frames] == expected
    assert [frame.index for frame in frames] == list(range(len(frames)))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.array(expected) / 25, atol=1e-6)


def test_a_range_that_holds_no_frame_is_bad_media(numbered: Path) -> None:
    with pytest.raises(BadMedia):
        everything(numbered, start_s=60.0, end_s=61.0)


ASKED = [[0], [89], [3, 4, 5], [0, 40, 80], [88, 2, 30, 29], list(range(90)), [24, 25, 26, 49, 50, 51]]


@pytest.mark.parametrize("requested", ASKED, ids=str)
def test_exactly_the_requested_frames_come_in_ascending_order(numbered: Path, requested: list[int]) -> None:
    """Near ones are reached by decoding on, distant ones by seeking; either way they are the same pictures."""
    whole = dict(rgb_frames_at(numbered, [n / 25 for n in range(N_FRAMES)]))
    got = list(rgb_frames_at(numbered, [n / 25 for n in requested]))
    assert [time_s for time_s, _ in got] == [n / 25 for n in sorted(requested)]
    assert [index_shown(picture) for _, picture in got] == sorted(requested)
    assert all(np.array_equal(picture, whole[time_s]) for time_s, picture in got)


CONTAINERS: list[tuple[str, str, dict[str, str]]] = [
    ("mkv", "libx264", {"g": "25", "bf": "3", "qp": "1"}),
    ("avi", "mpeg4", {"g": "25", "qscale": "3"}),
    ("mpg", "mpeg1video", {"g": "25", "bf": "2"}),
    ("ts", "libx264", {"g": "25", "bf": "2", "qp": "1", "x264-params": "open-gop=1"}),
    ("ts", "libx264", {"g": "250", "bf": "2", "qp": "1"}),
    ("mp4", "libx264", {"g": "250", "bf": "3", "qp": "1"}),
    ("webm", "libvpx-vp9", {"g": "25", "deadline": "realtime", "cpu-used": "8"}),
]


@pytest.mark.parametrize(("suffix", "codec", "options"), CONTAINERS, ids=lambda value: str(value)[:12])
def test_seeking_gives_the_decoded_frames_in_every_container(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str]
) -> None:
    path = write_numbered(tmp_path / f"a.{suffix}", [40 * n for n in range(100)], codec=codec, options=options)
    times_s = [frame.time_s for frame in everything(path)]
    requested = [times_s[n] for n in (1, 30, 59, 60, len(times_s) - 2)]
    whole = dict(rgb_frames_at(path, times_s))
    got = dict(rgb_frames_at(path, requested))
    alone = dict(next(rgb_frames_at(path, [time_s])) for time_s in requested)
    assert list(got) == list(alone) == requested
    assert all(np.array_equal(got[t], whole[t]) for t in requested)
    assert all(np.array_equal(alone[t], whole[t]) for t in requested)


# A container, a codec, and options by which frames come out of order, lean on distant ones, or need no others.
SAVING: list[tuple[str, str, dict[str, str]]] = [
    ("mp4", "libx264", {"g": "90", "x264-params": "bframes=7:b-adapt=0:b-pyramid=normal:ref=4"}),
    ("mp4", "libx264", {"g": "90", "x264-params": "bframes=5:b-adapt=0:b-pyramid=strict:direct=temporal:slices=2"}),
    ("mkv", "libx264", {"g": "40", "x264-params": "open-gop=1:keyint=40:min-keyint=10:bframes=4:b-adapt=0"}),
    ("mp4", "libx264", {"g": "90", "x264-params": "interlaced=1:bframes=3:b-adapt=0"}),
    ("mp4", "libx264", {"g": "30", "x264-params": "intra-refresh=1:keyint=30:bframes=2"}),
    ("avi", "libx264", {"g": "30", "bf": "0"}),
    ("mp4", "libx265", {"x265-params": "keyint=90:bframes=4:b-adapt=0:log-level=none"}),
    ("mp4", "mpeg4", {"g": "90", "bf": "3", "flags": "+mv4+qpel"}),
    ("avi", "mpeg4", {"g": "90", "bf": "2"}),
    ("webm", "libvpx-vp9", {"g": "90", "lag-in-frames": "16", "deadline": "realtime", "cpu-used": "8"}),
    ("mov", "mjpeg", {}),
]


def write_moving(path: Path, codec: str, options: dict[str, str], times_ms: list[int]) -> Path:
    """Write noise that moves over a moving ground, 64 x 48: no two frames are alike, each depends on others."""
    rng = np.random.default_rng(1)
    ground = rng.integers(0, 200, (SIDE_PX, 64 + 3 * len(times_ms), 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, SIDE_PX, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 25 if path.suffix == ".avi" else 1000)
        for index, time_ms in enumerate(times_ms):
            picture = ground[:, 3 * index : 3 * index + 64] + rng.integers(0, 30, (SIDE_PX, 64, 1), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_ms / 1000 / stream.time_base), stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded_in_order(path: Path) -> dict[float, np.ndarray]:
    """Decode the whole file in order, times from the first frame on; what can't be decoded is passed over."""
    pictures: dict[float, np.ndarray] = {}
    origin: Any = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        forms = FormReader(stream)
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                origin = origin if pictures else frame.pts
                time_s = float((frame.pts - origin) * stream.time_base)
                pictures[time_s] = shown_rgb(frame, forms.form(frame))
    return pictures


def differing(path: Path, requested: list[float], whole: dict[float, np.ndarray]) -> list[float]:
    """Return the requested times whose pictures are not bit for bit those of ``whole``, or are missing."""
    got = dict(rgb_frames_at(path, requested))
    return [time_s for time_s in requested if time_s not in got or not np.array_equal(got[time_s], whole[time_s])]


@pytest.mark.parametrize(("suffix", "codec", "options"), SAVING, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("rate_varies", [False, True])
def test_leaving_frames_out_on_the_way_changes_no_bit_of_a_picture(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str], *, rate_varies: bool
) -> None:
    times_ms = [40 * n + (80 * (n // 7) if rate_varies else 0) for n in range(120)]
    path = write_moving(tmp_path / f"a.{suffix}", codec, options, times_ms)
    whole = decoded_in_order(path)
    times_s = sorted(whole)
    assert len(times_s) == len(times_ms)
    for requested in (times_s[5::37], times_s[80:83], times_s[-1:], *([one] for one in times_s[::9])):
        assert differing(path, requested, whole) == []


def test_a_clip_that_was_cut_out_without_encoding_gives_its_own_frames(tmp_path: Path) -> None:
    """Its edit list hides the frames between the key frame before and the first that is shown."""
    options = {"g": "50", "x264-params": "bframes=3:b-adapt=0"}
    write_moving(tmp_path / "a.mp4", "libx264", options, [40 * n for n in range(120)])
    run_ffmpeg(ffmpeg.input(tmp_path / "a.mp4", ss=1.3).output(str(tmp_path / "b.mp4"), codec="copy"))
    whole = decoded_in_order(tmp_path / "b.mp4")
    times_s = sorted(whole)
    assert 80 < len(times_s) < 90
    for requested in (times_s[::13], times_s[2:5], times_s[-2:]):
        assert differing(tmp_path / "b.mp4", requested, whole) == []


class Spy:
    """Counts the seeks and the decoded frames of this module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.n_seeks = self.n_frames = 0
        sought, decoded = seek._seek, seek.decoded

        def counted_seek(*args: Any) -> None:
            self.n_seeks += 1
            sought(*args)

        def counted_frames(*args: Any) -> Iterator[tuple[Any, float]]:
            for one in decoded(*args):
                self.n_frames += 1
                yield one

        monkeypatch.setattr(seek, "_seek", counted_seek)
        monkeypatch.setattr(seek, "decoded", counted_frames)


@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_frames_of_one_key_frame_are_reached_without_seeking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    codec, no_scenes = ("libx264", "0") if suffix == "mp4" else ("mpeg4", "1000000000")
    options = {"g": "50", "bf": "0", "sc_threshold": no_scenes}
    path = write_moving(tmp_path / f"a.{suffix}", codec, options, [40 * n for n in range(150)])
    spy = Spy(monkeypatch)
    requested = [2 / 25, 45 / 25, 102 / 25, 148 / 25]
    assert [time_s for time_s, _ in rgb_frames_at(path, requested)] == requested
    assert spy.n_seeks == 1  # past the key frame of 2 s to that of 4 s
    assert spy.n_frames == 46 + 49


def test_frames_nothing_depends_on_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"g": "250", "x264-params": "bframes=3:b-adapt=0:b-pyramid=none:scenecut=0"}
    path = write_moving(tmp_path / "a.mp4", "libx264", options, [40 * n for n in range(120)])
    spy = Spy(monkeypatch)
    requested = [41 / 25, 42 / 25, 95 / 25]
    assert [time_s for time_s, _ in rgb_frames_at(path, requested)] == requested
    assert spy.n_frames == 2 + 1 + len(range(0, 96, 4))


def test_a_frame_that_was_left_out_by_mistake_is_decoded_after_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seek._Unneeded, "holds", lambda *_: True)
    options = {"g": "50", "x264-params": "bframes=3:b-adapt=0"}
    path = write_moving(tmp_path / "a.mp4", "libx264", options, [40 * n for n in range(120)])
    whole = decoded_in_order(path)
    assert differing(path, sorted(whole)[1::17], whole) == []


def test_a_time_without_a_frame_is_left_out_and_costs_no_other(numbered: Path) -> None:
    requested = [0.02, 0.04, 0.05, 0.06, 0.08, 2.01, 2.04, 60.0]
    got = [(time_s, index_shown(picture)) for time_s, picture in rgb_frames_at(numbered, requested)]
    assert got == [(0.04, 1), (0.08, 2), (2.04, 51)]


def test_without_times_there_are_no_frames(numbered: Path) -> None:
    assert list(rgb_frames_at(numbered, [])) == []


def test_colours_are_those_of_the_file(tmp_path: Path) -> None:
    picture = np.zeros((SIDE_PX, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (200, 40, 40), (30, 60, 220)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, SIDE_PX, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    ((_, shown),) = rgb_frames_at(path, [0.0])
    assert np.array_equal(shown, picture)


def damaged(source: Path, target: Path, spoil: Callable[[bytearray], None]) -> Path:
    data = bytearray(source.read_bytes())
    spoil(data)
    target.write_bytes(data)
    return target


def test_of_a_damaged_file_what_decodes_is_returned(numbered: Path, tmp_path: Path) -> None:
    def spoil(data: bytearray) -> None:
        middle = data.find(b"mdat") + 2000
        data[middle : middle + 300] = bytes(300)

    frames = everything(damaged(numbered, tmp_path / "a.mp4", spoil))
    assert N_FRAMES // 2 < len(frames) <= N_FRAMES
    times_s = [frame.time_s for frame in frames]
    assert times_s == sorted(set(times_s))


def test_of_a_damaged_file_the_pictures_are_those_of_decoding_it_all(tmp_path: Path) -> None:
    """What a decoder makes up depends on all it has decoded, so there no frame is skipped."""

    def spoil(data: bytearray) -> None:
        middle = data.find(b"mdat") + (data.find(b"moov") - data.find(b"mdat")) // 3
        data[middle : middle + 300] = bytes(300)

    options = {"g": "250", "x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}
    path = write_moving(tmp_path / "whole.mp4", "libx264", options, [40 * n for n in range(N_FRAMES)])
    path = damaged(path, tmp_path / "a.mp4", spoil)
    whole = decoded_in_order(path)
    assert N_FRAMES // 2 < len(whole) <= N_FRAMES
    for requested in (sorted(whole)[4::11], sorted(whole)[-1:], sorted(whole)[60:63]):
        assert differing(path, requested, whole) == []


def test_of_a_truncated_file_what_decodes_is_returned(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mkv", [40 * n for n in range(N_FRAMES)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = everything(path)
    assert 5 < len(frames) < N_FRAMES - 5
    assert [index_shown(frame.grey) for frame in frames] == list(range(len(frames)))


def test_a_file_that_lost_its_index_is_undecodable(tmp_path: Path) -> None:
    spec = ClipSpec(seed=1, person=1, clip=0, kind="truncated", duration_s=1.0)
    write_clip(spec, tmp_path / "a.mp4")
    with pytest.raises(BadMedia, match=r"a.mp4"):
        everything(tmp_path / "a.mp4")


def test_a_file_that_is_no_video_is_undecodable(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video at all" * 100)
    for read in (everything, lambda path: list(rgb_frames_at(path, [0.0]))):
        with pytest.raises(BadMedia) as caught:
            read(tmp_path / "a.mp4")
        assert caught.value.reason == "undecodable"


def test_sound_alone_has_no_video(tmp_path: Path) -> None:
    run_ffmpeg(ffmpeg.input("sine=duration=1", format="lavfi").output(str(tmp_path / "a.m4a")))
    for read in (everything, lambda path: list(rgb_frames_at(path, [0.0]))):
        with pytest.raises(BadMedia) as caught:
            read(tmp_path / "a.m4a")
        assert caught.value.reason == "no_video"
