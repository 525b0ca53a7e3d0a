"""The boxes of an MP4 or QuickTime file (ISO/IEC 14496-12, 4.2): whether a file ends where they do."""

from pathlib import Path

_KINDS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"sidx")
_HEADER, _LARGE_HEADER = 8, 16


def missing_bytes(path: Path) -> int:
    """Return how many bytes more the last box states than the file has; 0 for a whole file, or of another format."""
    n_bytes = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while at < n_bytes:
            file.seek(at)
            header = file.read(_LARGE_HEADER)
            if header[4:8] not in _KINDS and at == 0:
                return 0
            if len(header) < _HEADER:
                return _HEADER - len(header)
            size = int.from_bytes(header[:4])
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < _HEADER:  # 0: to the end of the file; others are no size
                return 0
            at += size
    return at - n_bytes
