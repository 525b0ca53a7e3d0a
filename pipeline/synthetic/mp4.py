"""Edits of a finished mp4 that no encoder makes: a display matrix, and truncation."""

import struct
from pathlib import Path

TKHD_MATRIX_AT = {0: 40, 1: 52}  # bytes from the start of a version 0 or 1 track header's payload
ONE = 1 << 16


def set_rotation(path: Path) -> None:
    """Set the display matrix of ``path`` to a rotation by 90 degrees clockwise."""
    set_display_matrix(path, (0, 1, -1, 0))


def set_display_matrix(path: Path, matrix: tuple[float, float, float, float]) -> None:
    """Set the display matrix of the first track with a picture, and shift that picture back to the origin.

    ``matrix`` is (a, b, c, d): the stored pixel (x, y) is shown at (a x + c y, b x + d y), y pointing down.
    """
    data = bytearray(path.read_bytes())
    at = video_track_header(data)
    matrix_at = at + TKHD_MATRIX_AT[data[at]]
    width, height = struct.unpack_from(">2I", data, matrix_at + 36)
    a, b, c, d = (round(ONE * one) for one in matrix)
    shift_x, shift_y = (-min(0, x * width // ONE) - min(0, y * height // ONE) for x, y in ((a, c), (b, d)))
    struct.pack_into(">9i", data, matrix_at, a, b, 0, c, d, 0, shift_x, shift_y, 1 << 30)
    path.write_bytes(data)


def video_track_header(data: bytes | bytearray) -> int:
    """Return where the payload of the first track header with a width begins."""
    at = data.find(b"tkhd") + 4
    while at > 3:
        (width,) = struct.unpack_from(">I", data, at + TKHD_MATRIX_AT[data[at]] + 36)
        if width:
            return at
        at = data.find(b"tkhd", at) + 4
    raise ValueError("no video track in the file that was just written")


def truncate(path: Path, share: float) -> None:
    """Keep only the first ``share`` of the bytes; the index at the end of an mp4 is lost with the rest."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
