"""A file whose last box states more than there is, is cut."""

from pathlib import Path

import pytest

from pipeline.download.boxes import missing_bytes


def box(kind: bytes, n_bytes: int) -> bytes:
    return (n_bytes + 8).to_bytes(4) + kind + bytes(n_bytes)


WHOLE = box(b"ftyp", 8) + box(b"moov", 100) + box(b"mdat", 1000)
LARGE = box(b"ftyp", 8) + (1).to_bytes(4) + b"mdat" + (1016).to_bytes(8) + bytes(1000)
PIECES = box(b"ftyp", 8) + box(b"moov", 100) + box(b"moof", 10) + box(b"mdat", 1000)
TO_THE_END = box(b"ftyp", 8) + bytes(4) + b"mdat" + bytes(77)


@pytest.mark.parametrize(
    ("content", "n_missing"),
    [
        (WHOLE, 0),
        (WHOLE[:-1], 1),
        (WHOLE[:-1000], 1000),
        (WHOLE[:-1004], 4),
        (LARGE, 0),
        (LARGE[:-3], 3),
        (TO_THE_END, 0),
        (WHOLE + b"TAGsong".ljust(128), 0),
        (WHOLE + b"\r\n", 0),
        (PIECES + box(b"mfra", 50)[:-1], 1),
        (PIECES + b"\0\0", 6),
        (b"", 0),
        (b"\x1aE\xdf\xa3" + bytes(50), 0),
        (b"RIFF\x00\x00\x00\x00AVI " + bytes(50), 0),
    ],
)
def test_the_missing_bytes_are_those_that_the_last_box_states(content: bytes, n_missing: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert missing_bytes(path) == n_missing
