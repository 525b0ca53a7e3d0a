"""A frame is shown as players show it: turned and mirrored, of square pixels, in its colours, without combing."""

from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av
import cv2
import ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.base.errors import BadMedia
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.mp4 import set_display_matrix
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.decode import grey_frames, rgb_frames, rgb_frames_at
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.hdr import PQ
from pipeline.video.picture import FULL_RANGE, FormReader, combed_share
from pipeline.video.probe import probe

Planes = list[NDArray[Any]]

BT601, BT709, BT2020, UNTAGGED = 5, 1, 9, 2
MATRICES = [matrix for a, b in product((1, -1), repeat=2) for matrix in ((a, 0, 0, b), (0, a, b, 0))]
LUMA_WEIGHTS = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722), BT2020: (0.2627, 0.0593)}  # red, blue
PATCHES = np.array(
    [(255, 0, 0), (0, 255, 0), (0, 0, 255), (198, 134, 110), (241, 194, 170), (92, 57, 43), (255, 255, 255), (0, 0, 0)],
    np.uint8,
)


def patches(width: int, height: int) -> NDArray[np.uint8]:
    """Colours, among them those of skin, in columns."""
    return np.repeat(np.repeat(PATCHES, width // len(PATCHES), axis=0)[None], height, axis=0)


def coded(picture: NDArray[np.uint8], matrix: int, *, full: bool = False, bits: int = 8) -> Planes:
    """Return Y', Cb and Cr of R'G'B' by the formulas of the standards, of full size."""
    red, green, blue = np.moveaxis(picture / 255, -1, 0)
    k_red, k_blue = LUMA_WEIGHTS[matrix]
    luma = k_red * red + (1 - k_red - k_blue) * green + k_blue * blue
    chroma = [(one - luma) / (2 - 2 * weight) for one, weight in ((blue, k_blue), (red, k_red))]
    scale = 2 ** (bits - 8)
    black, y_range, c_range = (0, (2**bits - 1) / scale, (2**bits - 1) / scale) if full else (16, 219, 224)
    planes = [black + y_range * luma, *(128 + c_range * one for one in chroma)]
    return [
        np.clip(np.rint(scale * one), 0, 2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16) for one in planes
    ]


def write_planes(path: Path, frames: list[Planes], *, bits: int = 8, **tags: int) -> Path:
    """Write frames of Y', Cb and Cr as lossless video at 25 fps; ``tags`` are set as they are named in FFmpeg."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames[0][0].shape
        stream.pix_fmt = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for index, planes in enumerate(frames):
            frame = av.VideoFrame(stream.width, stream.height, stream.pix_fmt)
            for plane, values in zip(frame.planes, planes, strict=True):
                rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
                rows[: len(values), : values[0].nbytes] = np.ascontiguousarray(values).view(np.uint8)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_rgb(path: Path, pictures: list[NDArray[np.uint8]], **options: str) -> Path:
    """Write pictures as H.264 of full chroma, without loss but that of the conversion."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"qp": "0", **options})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv444p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def rgb(path: Path) -> NDArray[np.uint8]:
    return next(iter(rgb_frames(path)))[1]


def grey(path: Path, max_side_px: int = 4096) -> NDArray[np.uint8]:
    return next(iter(grey_frames(path, max_side_px=max_side_px))).grey


def as_ffmpeg_shows(path: Path, pixels: str, size: tuple[int, int], **options: str) -> NDArray[np.int64]:
    raw = run_ffmpeg(ffmpeg.input(path).output("pipe:", vframes=1, format="rawvideo", pix_fmt=pixels, **options))
    return np.frombuffer(raw, np.uint8).reshape(size[1], size[0], -1).squeeze().astype(np.int64)


def corners() -> NDArray[np.uint8]:
    """64 x 48, another colour in each corner: no two ways of turning it look alike."""
    picture = np.full((48, 64, 3), 128, np.uint8)
    picture[:16, :24], picture[:16, -24:] = (200, 40, 40), (40, 200, 40)
    picture[-16:, :24], picture[-16:, -24:] = (40, 40, 200), (220, 220, 220)
    return picture


@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_each_display_matrix_is_applied_as_ffmpeg_applies_it(matrix: tuple[int, ...], tmp_path: Path) -> None:
    path = write_rgb(tmp_path / "a.mp4", [corners()] * 2)
    set_display_matrix(path, matrix)  # type: ignore[arg-type]
    held = probe(path)
    size = (64, 48) if matrix[0] else (48, 64)
    assert (held.width_px, held.height_px) == size
    assert np.abs(rgb(path) - as_ffmpeg_shows(path, "rgb24", size)).max() <= 1
    assert np.abs(grey(path) - as_ffmpeg_shows(path, "gray", size)).max() <= 1
    ((_, sought),) = rgb_frames_at(path, [0.04])
    assert np.array_equal(sought, rgb(path)) and sought.flags.c_contiguous and grey(path).flags.c_contiguous


@pytest.mark.parametrize("turn", ["rotate=-90", "flip=horizontal", "rotate=90:flip=vertical"])
def test_a_turn_that_the_codec_says_with_the_first_picture_is_that_of_all(turn: str, tmp_path: Path) -> None:
    """Also where later pictures are sought."""
    plain, path = write_rgb(tmp_path / "a.mp4", [corners()] * 60, g="12"), tmp_path / "b.mp4"
    said = {"bsf:v": f"h264_metadata=display_orientation=insert:{turn}"}
    run_ffmpeg(ffmpeg.input(str(plain)).output(str(path), codec="copy", **said))
    size = (64, 48) if turn.startswith("flip") else (48, 64)
    shown = as_ffmpeg_shows(path, "rgb24", size)
    pictures = [picture for _, picture in rgb_frames(path)]
    ((_, sought),) = rgb_frames_at(path, [2.2])
    assert probe(path).form.is_mirrored == ("flip" in turn)
    assert all(picture.shape == shown.shape and np.abs(picture - shown).max() <= 1 for picture in [*pictures, sought])
    assert [one.grey.shape for one in grey_frames(path, max_side_px=99)] == [shown.shape[:2]] * 60


def test_the_form_says_how_the_stored_picture_is_turned_and_mirrored(tmp_path: Path) -> None:
    path = write_rgb(tmp_path / "a.mp4", [corners()])
    stored = rgb(path)
    for matrix in MATRICES:
        set_display_matrix(path, matrix)  # type: ignore[arg-type]
        form = probe(path).form
        mirrored = stored[:, ::-1] if form.is_mirrored else stored
        assert np.array_equal(rgb(path), np.rot90(mirrored, -form.rotation_deg // 90)), matrix


@pytest.mark.parametrize(
    ("matrix", "rotation_deg", "is_mirrored"),
    [((0.77, 0.64, -0.64, 0.77), 0, False), ((0.64, 0.77, -0.77, 0.64), 90, False)]
    + [((0.64, 0.77, 0.77, -0.64), 270, True), ((0.5, 0, 0, -0.25), 180, True), ((0, 0, 0, 0), 0, False)],
)
def test_another_matrix_is_the_nearest_of_the_eight(
    matrix: tuple[float, float, float, float], rotation_deg: int, *, is_mirrored: bool, tmp_path: Path
) -> None:
    path = write_rgb(tmp_path / "a.mp4", [corners()])
    set_display_matrix(path, matrix)
    form = probe(path).form
    assert (form.rotation_deg, form.is_mirrored) == (rotation_deg, is_mirrored)


def disc(width: int, height: int) -> NDArray[np.uint8]:
    """A white disc on black, squeezed from 16:9 to the given size."""
    picture = np.zeros((576, 1024, 3), np.uint8)
    cv2.circle(picture, (512, 288), 200, (255, 255, 255), -1)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def width_over_height(picture: NDArray[np.uint8]) -> float:
    light = picture.astype(float) / 255
    return float(light[len(light) // 2].sum() / light[:, light.shape[1] // 2].sum())


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mov", "avi"])
@pytest.mark.parametrize(("size", "aspect"), [((720, 576), "64/45"), ((1440, 1080), "4/3"), ((1024, 480), "5/6")])
def test_a_disc_of_non_square_pixels_is_round(suffix: str, size: tuple[int, int], aspect: str, tmp_path: Path) -> None:
    whole, path = write_rgb(tmp_path / "a.mkv", [disc(*size)]), tmp_path / f"b.{suffix}"
    options = {"vcodec": "libx264", "preset": "ultrafast", "crf": "8", "vf": f"setsar={aspect}"}
    run_ffmpeg(ffmpeg.input(whole).output(str(path), **options))
    held, wide = probe(path), Fraction(aspect)
    expected = (round(size[0] * max(wide, 1)), round(size[1] / min(wide, 1)))
    assert (held.width_px, held.height_px) == expected
    assert held.form.pixel_aspect == pytest.approx(float(wide), rel=1e-3)
    shown, seen = rgb(path), grey(path, max_side_px=1280)
    assert shown.shape[1::-1] == expected
    assert width_over_height(shown[..., 1]) == pytest.approx(1, abs=0.01)
    assert width_over_height(seen) == pytest.approx(1, abs=0.01)
    frame = next(iter(grey_frames(path, max_side_px=320)))
    assert max(frame.shape) == 320
    assert np.array(frame.shape[::-1]) * frame.scale == pytest.approx(np.array(expected), abs=frame.scale)


def test_where_container_and_codec_differ_the_containers_aspect_is_shown(tmp_path: Path) -> None:
    coded_so, path = tmp_path / "a.ts", tmp_path / "b.mp4"
    whole = write_rgb(tmp_path / "a.mkv", [disc(720, 576)])
    run_ffmpeg(ffmpeg.input(whole).output(str(coded_so), vcodec="libx264", preset="ultrafast", vf="setsar=16/15"))
    run_ffmpeg(ffmpeg.input(coded_so).output(str(path), vcodec="copy", aspect="16:9"))
    assert probe(coded_so).form.pixel_aspect == pytest.approx(16 / 15)
    assert (probe(path).width_px, probe(path).height_px) == (1024, 576)


@pytest.mark.parametrize(
    ("aspect", "shown"),
    [("0/1", 1.0), ("4/1", 4.0), ("41/10", 1.0), ("1/4", 0.25), ("10/41", 1.0), ("251/250", 1.0), ("249/250", 1.0)]
    + [("503/500", 1.006), ("497/500", 0.994)],
)
def test_an_aspect_beyond_the_limits_is_none(aspect: str, shown: float, tmp_path: Path) -> None:
    whole, path = write_rgb(tmp_path / "a.mkv", [corners()]), tmp_path / "b.mp4"
    run_ffmpeg(
        ffmpeg.input(whole).output(str(path), vcodec="libx264", preset="ultrafast", vf=f"setsar={aspect}:max=1000")
    )
    assert probe(path).form.pixel_aspect == pytest.approx(shown, rel=1e-6)


def test_turned_pixels_keep_their_aspect(tmp_path: Path) -> None:
    path = tmp_path / "b.mp4"
    whole = write_rgb(tmp_path / "a.mkv", [disc(720, 576)])
    run_ffmpeg(ffmpeg.input(whole).output(str(path), vcodec="libx264", preset="ultrafast", vf="setsar=64/45"))
    set_display_matrix(path, (0, 1, 1, 0))
    assert (probe(path).width_px, probe(path).height_px) == (576, 1024)
    assert rgb(path).shape == (1024, 576, 3) and grey(path).shape == (1024, 576)
    assert width_over_height(rgb(path)[..., 1]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("matrix", [BT601, BT709, BT2020])
@pytest.mark.parametrize(("bits", "full"), [(8, False), (8, True), (10, False), (10, True)])
def test_tagged_colours_are_those_that_were_coded(matrix: int, bits: int, *, full: bool, tmp_path: Path) -> None:
    picture = patches(64, 48)
    planes = coded(picture, matrix, full=full, bits=bits)
    path = write_planes(tmp_path / "a.mkv", [planes], bits=bits, colorspace=matrix, color_range=1 + full)
    held = probe(path).form
    assert held.colour_matrix == {BT601: "bt601", BT709: "bt709", BT2020: "bt2020"}[matrix]
    assert held.colour_range == ("full" if full else "video")
    assert np.abs(rgb(path).astype(int) - picture).max() <= 2
    k_red, k_blue = LUMA_WEIGHTS[matrix]
    luma = picture @ np.array([k_red, 1 - k_red - k_blue, k_blue])
    assert np.abs(grey(path) - luma).max() <= 2


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((1280, 32), BT709), ((1272, 576), BT601), ((64, 577), BT709), ((64, 576), BT601), ((720, 1280), BT709)],
)
def test_untagged_colours_are_those_that_players_take_for_the_size(
    size: tuple[int, int], matrix: int, tmp_path: Path
) -> None:
    picture = patches(*size)
    path = write_planes(tmp_path / "a.mkv", [coded(picture, matrix)])
    assert probe(path).form.colour_matrix == {BT601: "bt601", BT709: "bt709"}[matrix]
    assert np.abs(rgb(path).astype(int) - picture).max() <= 2


def test_stored_rgb_is_shown_as_it_is_at_any_size(tmp_path: Path) -> None:
    picture = patches(1280, 720)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert np.array_equal(rgb(path), picture)
    assert (probe(path).form.colour_matrix, probe(path).form.colour_range) == ("rgb", "full")


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_colours_that_are_not_converted_are_undecodable(matrix: int, tmp_path: Path) -> None:
    """YCgCo, BT.2020 of constant luminance, ICtCp."""
    path = write_planes(tmp_path / "a.mkv", [coded(patches(64, 48), BT709)], colorspace=matrix)
    for read in (probe, rgb, grey):
        with pytest.raises(BadMedia, match=f"matrix {matrix} ") as caught:
            read(path)
        assert caught.value.reason == "undecodable"


def test_joined_parts_are_each_shown_by_their_own_form(tmp_path: Path) -> None:
    """A change of size and aspect within a transport stream."""
    parts, joined = [], tmp_path / "joined.ts"
    for name, size, aspect in (("a", (720, 576), "64/45"), ("b", (1024, 576), "1/1")):
        whole, part = write_rgb(tmp_path / f"{name}.mkv", [disc(*size)] * 5), tmp_path / f"{name}.ts"
        options = {"vcodec": "libx264", "preset": "ultrafast", "bf": "0", "vf": f"setsar={aspect}"}
        run_ffmpeg(ffmpeg.input(whole).output(str(part), output_ts_offset=len(parts) / 5, **options))
        parts.append(part)
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    pictures = [picture for _, picture in rgb_frames(joined)]
    greys = [frame.grey for frame in grey_frames(joined, max_side_px=512)]
    assert len(pictures) == len(greys) == 10
    for picture, seen in zip(pictures, greys, strict=True):
        assert picture.shape == (576, 1024, 3) and seen.shape == (288, 512)
        assert width_over_height(picture[..., 1]) == pytest.approx(1, abs=0.01)
        assert width_over_height(seen) == pytest.approx(1, abs=0.01)


def test_a_form_changes_with_the_first_frame_that_states_another(tmp_path: Path) -> None:
    path = write_planes(tmp_path / "a.mkv", [coded(patches(64, 48), BT709)], colorspace=BT709)
    with av.open(str(path)) as container:
        forms = FormReader(container.streams.video[0])
        frame = next(container.decode(video=0))
        first = forms.form(frame)
        assert forms.form(frame) == first
        frame.color_range = 2
        assert forms.form(frame) == replace(first, colour_range=FULL_RANGE)
        frame.color_range, frame.colorspace = 1, BT2020
        assert forms.form(frame) == replace(first, colour_matrix="bt2020")
        frame.colorspace, frame.color_trc = BT709, 16
        assert forms.form(frame).colour_transfer == PQ
        frame.color_trc = 1
        assert forms.form(frame) == first


SPEED_PX = 12  # a field
SIZE = (320, 240)


def edge_at(x_px: float) -> NDArray[np.uint8]:
    """A bright half from ``x_px`` on, its edge as wide as a lens leaves it."""
    light = np.clip((np.arange(SIZE[0]) - x_px) / 3 + 0.5, 0, 1)
    row = np.rint(255 * light).astype(np.uint8)
    return np.repeat(np.repeat(row[None], SIZE[1], axis=0)[..., None], 3, axis=2)


def edge_x(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where the edge is in each row."""
    values = (picture if picture.ndim == 2 else picture[..., 1]).astype(float)
    return SIZE[0] - 0.5 - (values / values.max(axis=1, keepdims=True)).sum(axis=1)


def write_interlaced(path: Path, instants: list[NDArray[np.uint8]], *, bottom_first: bool, codec: str) -> Path:
    """Weave pictures of 50 instants a second into 25 interlaced frames, chroma by field."""
    whole = write_rgb(path.with_name("instants.mkv"), instants)
    order = "bottom" if bottom_first else "top"
    fields = {"vf": f"tinterlace=interleave_{order},setfield={order[0]}ff"}
    options = {"libx264": {"x264-params": f"{order[0]}ff=1:qp=1", "pix_fmt": "yuv420p"}}
    options["mpeg2video"] = {"flags": "+ildct+ilme", "qscale": "1"}
    options["prores_ks"] = {"flags": "+ildct", "pix_fmt": "yuv422p10le"}
    run_ffmpeg(ffmpeg.input(whole, r=50).output(str(path), vcodec=codec, **fields, **options[codec]))
    return path


@pytest.mark.parametrize("bottom_first", [False, True])
@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "mp4"), ("mpeg2video", "ts"), ("prores_ks", "mov")])
def test_an_interlaced_edge_is_where_it_was_at_the_first_instant(
    codec: str, suffix: str, *, bottom_first: bool, tmp_path: Path
) -> None:
    moments = [edge_at(60 + SPEED_PX * n) for n in range(16)]
    path = write_interlaced(tmp_path / f"a.{suffix}", moments, bottom_first=bottom_first, codec=codec)
    assert probe(path).form.is_interlaced
    shown = dict(rgb_frames(path))
    assert len(shown) >= 7
    seen = {frame.time_s: frame.grey for frame in grey_frames(path, max_side_px=320)}
    for index, (time_s, picture) in enumerate(shown.items()):
        for one in (picture, seen[time_s]):
            assert np.abs(edge_x(one) - (60 + 2 * SPEED_PX * index)).max() < 1, (index, time_s)
    times_s = list(shown)[1::3]
    assert all(np.array_equal(picture, shown[time_s]) for time_s, picture in rgb_frames_at(path, times_s))


def test_a_small_thing_that_moves_in_a_large_picture_is_shown_of_one_instant(tmp_path: Path) -> None:
    def moment(x_px: int) -> NDArray[np.uint8]:
        picture = np.full((1080, 1920, 3), 90, np.uint8)
        picture[500:540, x_px : x_px + 30] = 200
        return picture

    path = write_interlaced(
        tmp_path / "a.mp4", [moment(900 + 4 * n) for n in range(6)], bottom_first=False, codec="libx264"
    )
    for index, (_, picture) in enumerate(rgb_frames(path)):
        columns = np.flatnonzero(picture[504:536, :, 1].mean(axis=0) > 145)
        assert abs(columns[0] - (900 + 8 * index)) <= 1 and abs(columns[-1] - (929 + 8 * index)) <= 1


def test_what_is_flagged_as_interlaced_but_is_of_one_instant_keeps_all_its_lines(tmp_path: Path) -> None:
    talk = ClipSpec(seed=7, person=3, clip=1, duration_s=0.12)
    write_clip(talk, tmp_path / "talk.mp4")
    moments = [picture for _, picture in rgb_frames(tmp_path / "talk.mp4")]
    flagged = write_interlaced(
        tmp_path / "a.mp4", [one for one in moments for _ in range(2)], bottom_first=False, codec="libx264"
    )
    assert probe(flagged).form.is_interlaced
    shown = [picture for _, picture in rgb_frames(flagged)]
    assert len(shown) == len(moments)
    with av.open(str(flagged)) as container:
        stored = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert all(np.array_equal(a, b) for a, b in zip(shown, stored, strict=True))


@pytest.mark.parametrize("amplitude", [12, 13])
def test_lines_that_alternate_by_more_than_noise_are_combed(amplitude: int) -> None:
    luma = np.full((64, 64), 100, np.uint8)
    luma[1::2, :2] += amplitude
    assert combed_share(luma) == pytest.approx(2 / 32 if amplitude > 12 else 0, abs=0.01)
    assert combed_share(np.full((5, 3), 7, np.uint8)) == 0
