"""The picture as a viewer shows it: how the pixels of a frame are stored, and how they are shown.

Shown is upright, not mirrored, with square pixels, without combing, in the RGB of an SDR screen. All coordinates in
manifests are in pixels of this picture.
"""

import struct
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, ImageRGB
from pipeline.core.base.errors import BadMedia
from pipeline.video.hdr import HLG, PQ, SDR, sdr_luma, sdr_rgb

Picture = NDArray[np.uint8]
"""(H, W) grey or (H, W, 3) RGB."""
VIDEO_RANGE, FULL_RANGE = "video", "full"

# FFmpeg's numbers of colour matrices (AVColorSpace) that are converted, and their names.
_RGB, _UNTAGGED, _BT601 = 0, 2, 5
_MATRICES = {_RGB: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
_NUMBERS_OF = {name: number for number, name in _MATRICES.items()}
_PRIMARIES = {9: "bt2020", 12: "p3"}  # AVColorPrimaries; the others are shown as BT.709
_TRANSFERS = {16: PQ, 18: HLG}  # AVColorTransferCharacteristic
_FULL_RANGE_TAG = 2  # AVCOL_RANGE_JPEG
# An untagged picture of this width or more, or above this height, is BT.709, else BT.601: the rule of mpv (its
# mp_csp_guess_colorspace), MPlayer and libplacebo. By the stored size: turning a picture does not change its colours.
_HD_WIDTH_PX, _MAX_SD_HEIGHT_PX = 1280, 576
# A pixel wider or higher than this is a mistake of the file; one nearer to square than this is a rounded display size.
_MAX_ASPECT, _SQUARE_WITHIN = 4.0, 0.005
# Containers that state no aspect: the codec's holds, which may change on the way.
_NO_ASPECT = {"mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc"}
# AVFieldOrder where the bottom field is shown first: BB, and BT, which FFmpeg and QuickTime state for such as DV.
_BOTTOM_FIRST = {3, 5}
# Four lines that alternate by more than noise are combed. So large a share of a tile is an edge that moved by a pixel
# from field to field; where nothing moved, it is a fine pattern, and that frame loses half its lines for nothing.
_COMB_GREY, _TILE_PX, _MIN_COMBED_SHARE = 12, 32, 0.03
# FFmpeg's converter gives 16-bit grey other values from run to run where several threads share a picture, and workers
# share the processors anyway.
ONE_THREAD = {"threads": 1}
_ROTATIONS = ("ROTATE_90_CLOCKWISE", "ROTATE_180", "ROTATE_90_COUNTERCLOCKWISE")
# Pixel formats whose first plane is the luma of every pixel, a byte each.
_LUMA_FIRST = {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "nv21"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureForm:
    """How the pixels of a frame are stored. Shown: mirrored left to right first, then turned."""

    rotation_deg: int  # clockwise: 0, 90, 180 or 270
    is_mirrored: bool
    pixel_aspect: float  # width over height of a stored pixel, before turning
    colour_matrix: str  # a value of _MATRICES
    colour_primaries: str  # bt709, bt2020 or p3
    colour_transfer: str  # SDR, PQ or HLG
    colour_range: str  # VIDEO_RANGE or FULL_RANGE
    is_interlaced: bool  # as flagged; the lines may be those of one instant all the same
    first_line: int  # 1 where the bottom field is shown first, else 0

    @property
    def is_sdr_bt709(self) -> bool:
        """Whether light and primaries are those of an SDR screen."""
        return self.colour_transfer == SDR and self.colour_primaries == "bt709"

    def level_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in square pixels of a stored size, before turning; no side becomes smaller."""
        return round(width * max(1.0, self.pixel_aspect)), round(height * max(1.0, 1 / self.pixel_aspect))

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height as shown, in pixels, of a stored size."""
        level = self.level_size(width, height)
        return level[::-1] if self.rotation_deg in (90, 270) else level


class FormReader:
    """Reads the form of each frame of a stream: joined files may change it on the way."""

    def __init__(self, stream: Any, first_matrix: bytes | None = None) -> None:
        """``first_matrix`` is the display matrix of the file's first frame, for those that have none: a codec may say
        it once."""
        self._first_matrix = first_matrix
        self._aspect_from = stream.codec_context if stream.container.format.name in _NO_ASPECT else stream
        self._first_line = int(stream.codec_context.field_order in _BOTTOM_FIRST)
        self._last: tuple[tuple[Any, ...], PictureForm] | None = None  # what the last frame stated, and its form

    def form(self, frame: Any) -> PictureForm:
        """Return the form of a frame of the stream. Raises BadMedia for a colour matrix that is not converted."""
        matrix, aspect = display_matrix(frame) or self._first_matrix, self._aspect_from.sample_aspect_ratio
        colour = frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range
        stated = (matrix, aspect, colour, frame.format.name, frame.width, frame.height, frame.interlaced_frame)
        if self._last is None or self._last[0] != stated:
            self._last = stated, self._read(frame, matrix, aspect)
        return self._last[1]

    def _read(self, frame: Any, matrix: bytes | None, aspect: Any) -> PictureForm:
        rotation_deg, is_mirrored = _orientation(matrix)
        primaries = _PRIMARIES.get(frame.color_primaries, "bt709")
        transfer = _TRANSFERS.get(frame.color_trc, SDR)
        if transfer != SDR and frame.color_primaries == _UNTAGGED:
            primaries = "bt2020"
        return PictureForm(
            rotation_deg=rotation_deg,
            is_mirrored=is_mirrored,
            pixel_aspect=_pixel_aspect(aspect),
            colour_matrix=_matrix(frame, primaries),
            colour_primaries=primaries,
            colour_transfer=transfer,
            colour_range=FULL_RANGE if _is_full_range(frame) else VIDEO_RANGE,
            is_interlaced=frame.interlaced_frame,
            first_line=self._first_line,
        )


def shown_rgb(frame: Any, form: PictureForm) -> ImageRGB:
    """Return a frame as it is shown, (H, W, 3) uint8, rows without padding."""
    field = _field(frame, form)
    picture = _rgb(frame if field is None else field, form)
    if field is not None:
        picture = _between_lines(picture, form.first_line, frame.height)
    picture = _resized(picture, form.level_size(frame.width, frame.height))
    return np.ascontiguousarray(_turned(picture, form))


def shown_luma(frame: Any, form: PictureForm, max_side_px: int) -> tuple[ImageGrey, float, bool]:
    """Return a frame's luma as it is shown, its longer side at most ``max_side_px``.

    That is (H, W) uint8, whose rows may have padding; the pixels shown at full size per pixel of it; and whether it is
    of full range (else 16 is black and 235 white).
    """
    width, height = form.level_size(frame.width, frame.height)
    scale = max(1.0, max(width, height) / max_side_px)
    size = round(width / scale), round(height / scale)
    field = _field(frame, form)
    if field is None:
        luma, is_full_range = _luma(frame, form, size)
    else:
        lines, is_full_range = _luma(field, form, (field.width, field.height))
        luma = _resized(_between_lines(lines, form.first_line, frame.height), size)
    return _turned(luma, form), scale, is_full_range


def display_matrix(frame: Any) -> bytes | None:
    """Return the display matrix of a frame, nine 32-bit numbers, from its container or codec; None: it has none."""
    from av.sidedata.sidedata import SideDataContainer, Type

    # Of frame.side_data frame and container would refer to each other: hundreds of pictures would stay in memory until
    # Python looks for such circles.
    stated = SideDataContainer(frame)  # type: ignore[call-arg]  # its stub lacks __init__
    found = stated.get(Type.DISPLAYMATRIX) if len(stated) else None  # most have none: then ``get`` takes longest
    return None if found is None else bytes(found)


def _orientation(matrix: bytes | None) -> tuple[int, bool]:
    """Return the rotation and mirroring nearest to a display matrix; a singular matrix changes nothing.

    A player may turn by other angles too; here the frame is the nearest quarter turn away.
    """
    if matrix is None:
        return 0, False
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])  # of x' = a x + c y, y' = b x + d y; y points down
    determinant = a * d - b * c
    if determinant == 0:
        return 0, False
    is_mirrored = determinant < 0
    if is_mirrored:
        a, b = -a, -b
    return round(np.degrees(np.arctan2(b - c, a + d)) / 90) * 90 % 360, is_mirrored


def _pixel_aspect(stated: Any) -> float:
    aspect = float(stated or 0)
    is_usable = 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT and abs(aspect - 1) > _SQUARE_WITHIN
    return aspect if is_usable else 1.0


def _matrix(frame: Any, primaries: str) -> str:
    tag = frame.colorspace
    if frame.format.is_rgb:
        return _MATRICES[_RGB]
    if tag not in (_UNTAGGED, _RGB):
        if tag not in _MATRICES:
            raise BadMedia("undecodable", f"colours by matrix {tag} of ISO/IEC 23091-2, which is not converted")
        return _MATRICES[tag]
    if primaries == "bt2020":
        return "bt2020"
    return "bt709" if frame.width >= _HD_WIDTH_PX or frame.height > _MAX_SD_HEIGHT_PX else "bt601"


def _is_full_range(frame: Any) -> bool:
    return bool(frame.color_range == _FULL_RANGE_TAG or frame.format.is_rgb or frame.format.name.startswith("yuvj"))


def _rgb(frame: Any, form: PictureForm) -> ImageRGB:
    matrix = _NUMBERS_OF[form.colour_matrix]
    if form.is_sdr_bt709:
        return cast(ImageRGB, frame.to_ndarray(format="rgb24", src_colorspace=matrix, **ONE_THREAD))
    coded = frame.to_ndarray(format="rgb48le", src_colorspace=matrix, **ONE_THREAD)
    return sdr_rgb(coded, form.colour_transfer, form.colour_primaries)


def _luma(frame: Any, form: PictureForm, size: tuple[int, int]) -> tuple[ImageGrey, bool]:
    """Return luma at ``size`` (width, height), where possible without the general converter; and if of full range."""
    import cv2

    # Grey frames are of BT.601 for the converter: from a frame taken for the same, luma stays what it is.
    same = {"src_colorspace": _BT601, "dst_colorspace": _BT601, **ONE_THREAD}
    if form.colour_transfer != SDR:
        return sdr_luma(frame.reformat(*size, format="gray16le", **same).to_ndarray(), form.colour_transfer), True
    if frame.format.name not in _LUMA_FIRST:
        return frame.reformat(*size, format="gray", **same).to_ndarray(), True
    luma = _first_plane(frame)
    if size != (frame.width, frame.height):
        shrinks = size[0] <= frame.width and size[1] <= frame.height
        luma = cast(ImageGrey, cv2.resize(luma, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
    return luma, form.colour_range == FULL_RANGE


def _first_plane(frame: Any) -> ImageGrey:
    return _rows(frame.planes[0])[: frame.height, : frame.width]


def _rows(plane: Any) -> NDArray[np.uint8]:
    """Return the bytes of a plane by row, with their padding; what is written to them is written to the plane."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def _field(frame: Any, form: PictureForm) -> Any:
    """Return the field of an interlaced frame that is shown first, a frame of half the height; None for others.

    Interlaced is what is flagged so and is combed: much film and DV is flagged, but has both fields of one instant.
    """
    if not form.is_interlaced or frame.height < 4:
        return None
    is_luma = frame.format.name in _LUMA_FIRST
    luma = _first_plane(frame) if is_luma else frame.reformat(format="gray", **ONE_THREAD).to_ndarray()
    return _lines_of(frame, form.first_line) if combed_share(luma) >= _MIN_COMBED_SHARE else None


def combed_share(luma: ImageGrey) -> float:
    """Return the largest share, 0-1, of the pixels of a tile at which four lines alternate between dark and bright.

    ``luma`` is (H, W) uint8. The share depends on this picture alone, so that a frame is shown alike however it was
    reached, and a small face that moves counts as much as a large one.
    """
    import cv2

    step = cv2.subtract(luma[1:], luma[:-1], dtype=cv2.CV_16S)  # from each line to the next
    rises, falls = step > _COMB_GREY, step < -_COMB_GREY
    alternates = rises[:-2] & falls[1:-1] & rises[2:] | falls[:-2] & rises[1:-1] & falls[2:]
    height, width = alternates.shape
    tiles = max(1, width // _TILE_PX), max(1, height // _TILE_PX)
    return float(cv2.resize(255 * alternates.view(np.uint8), tiles, interpolation=cv2.INTER_AREA).max()) / 255


def _lines_of(frame: Any, first_line: int) -> Any:
    """Return every second line of a frame, of all its planes: interlaced chroma is stored by field too."""
    import av

    field = av.VideoFrame(frame.width, (frame.height - first_line + 1) // 2, frame.format.name)
    for whole, half in zip(frame.planes, field.planes, strict=True):
        lines, target = _rows(whole)[first_line : whole.height : 2], _rows(half)
        n_lines, n_bytes = min(len(lines), half.height), min(whole.line_size, half.line_size)
        target[:n_lines, :n_bytes] = lines[:n_lines, :n_bytes]
        target[n_lines:] = target[n_lines - 1]  # a bottom field may be a line of chroma short
    field.colorspace, field.color_range = frame.colorspace, frame.color_range
    return field


def _between_lines(lines: Picture, first_line: int, height: int) -> Picture:
    """Return a picture of ``height`` lines from every second one; those between are the mean of their neighbours."""
    import cv2

    before, after = (lines, lines[1:]) if first_line == 0 else (np.concatenate([lines[:1], lines]), lines)
    after = np.concatenate([after, lines[-1:]])
    n_between = height - len(lines)
    picture = np.empty((height, *lines.shape[1:]), np.uint8)
    picture[first_line::2] = lines
    picture[1 - first_line :: 2] = cv2.addWeighted(before[:n_between], 0.5, after[:n_between], 0.5, 0)
    return picture


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    import cv2

    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return cast(Picture, cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))


def _turned(picture: Picture, form: PictureForm) -> Picture:
    """Mirror left to right, then turn clockwise."""
    import cv2

    if form.is_mirrored:
        picture = cast(Picture, cv2.flip(picture, 1))
    quarters = form.rotation_deg // 90
    return picture if quarters == 0 else cast(Picture, cv2.rotate(picture, getattr(cv2, _ROTATIONS[quarters - 1])))
