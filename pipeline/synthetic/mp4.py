"""Edits of a finished mp4 that no encoder makes: a rotation matrix, and truncation."""

import struct
from pathlib import Path

TKHD_MATRIX_AT = {0: 40, 1: 52}  # bytes from the start of a version 0 or 1 track header's payload
ONE = 1 << 16


def set_rotation(path: Path) -> None:
    """Set the display matrix of ``path`` to a rotation by 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    at = _video_track_header(bytes(data))
    matrix_at = at + TKHD_MATRIX_AT[data[at]]
    height = struct.unpack_from(">I", data, matrix_at + 40)[0]
    struct.pack_into(">9i", data, matrix_at, 0, ONE, 0, -ONE, 0, 0, height, 0, 1 << 30)
    path.write_bytes(data)


def _video_track_header(data: bytes) -> int:
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
