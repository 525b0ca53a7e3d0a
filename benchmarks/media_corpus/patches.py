"""Edits of finished files that no encoder makes: display matrices, stamps of single packets, damaged bytes."""

import struct
from collections.abc import Callable
from pathlib import Path

from benchmarks.media_corpus.truth import Turn
from pipeline.synthetic.mp4 import ONE, TKHD_MATRIX_AT, video_track_header

MVHD_MATRIX_AT = {0: 36, 1: 48}  # as TKHD_MATRIX_AT, of the header of the whole movie
TS_PACKET = 188
CLOCK_HZ = 90_000
VIDEO_PID, SOUND_PID = 0x100, 0x101
WRAP_S = (1 << 33) / CLOCK_HZ


def turn_matrix(
    turn: Turn, width: int, height: int, *, translated: bool = True, scale: float = 1.0
) -> tuple[float, ...]:
    """Return the nine numbers of a display matrix for a stored (width, height)."""
    x = (width if turn.a < 0 else 0) + (height if turn.c < 0 else 0)
    y = (width if turn.b < 0 else 0) + (height if turn.d < 0 else 0)
    x, y = (x, y) if translated else (0, 0)
    return (turn.a * scale, turn.b * scale, 0, turn.c * scale, turn.d * scale, 0, x * scale, y * scale, 1)


def set_matrix(path: Path, matrix: tuple[float, ...], *, of_movie: bool = False) -> None:
    """Set the display matrix of the picture's track, or of the whole movie, of an mp4 or mov."""
    data = bytearray(path.read_bytes())
    a, b, u, c, d, v, x, y, w = matrix
    numbers = [round(value * ONE) for value in (a, b)] + [round(u * (1 << 30))]
    numbers += [round(value * ONE) for value in (c, d)] + [round(v * (1 << 30))]
    numbers += [round(value * ONE) for value in (x, y)] + [round(w * (1 << 30))]
    at = data.rfind(b"mvhd") + 4 if of_movie else video_track_header(data)
    struct.pack_into(">9i", data, at + (MVHD_MATRIX_AT if of_movie else TKHD_MATRIX_AT)[data[at]], *numbers)
    path.write_bytes(data)


def change_stamps(data: bytes, pid: int, change: Callable[[int, int], int]) -> bytes:
    """Return a transport stream in which ``change(number of the packet, stamp in 90 kHz)`` replaces the stamps of a
    stream, both of showing and of decoding."""
    edited = bytearray(data)
    number = -1
    for at in range(0, len(data) - TS_PACKET + 1, TS_PACKET):
        packet = data[at : at + TS_PACKET]
        if (packet[1] & 31) << 8 | packet[2] != pid or not packet[1] & 0x40:
            continue
        header = at + 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        number += 1
        flags = data[header + 7] >> 6
        places = [header + 9] * (flags >= 2) + [header + 14] * (flags == 3)
        for place in places:
            stamp = change(number, _stamp(data, place)) % (1 << 33)
            edited[place : place + 5] = bytes(
                [
                    data[place] & 0xF0 | (stamp >> 30 & 7) << 1 | 1,
                    stamp >> 22 & 255,
                    (stamp >> 15 & 127) << 1 | 1,
                    stamp >> 7 & 255,
                    (stamp & 127) << 1 | 1,
                ]
            )
    return bytes(edited)


def _stamp(data: bytes, at: int) -> int:
    b = data[at : at + 5]
    return (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1


def zeroed(data: bytes, share: float, n_bytes: int) -> bytes:
    """Return ``data`` with zeros from that share of its length on."""
    at = int(len(data) * share)
    return data[:at] + bytes(len(data[at : at + n_bytes])) + data[at + n_bytes :]


def atom(data: bytes, name: bytes) -> tuple[int, int]:
    """Return (start, end) of a top-level atom of an mp4."""
    at = 0
    while at + 8 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        if data[at + 4 : at + 8] == name:
            return at, at + size
        at += max(8, size)
    raise ValueError(f"no atom {name!r}")
