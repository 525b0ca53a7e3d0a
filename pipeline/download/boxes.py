"""The boxes of an MP4 or QuickTime file (ISO/IEC 14496-12, 4.2): whether a file ends where they do."""

from pathlib import Path

_KINDS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"sidx")
_OTHER_KINDS = (b"uuid", b"meta", b"mfra", b"udta", b"emsg", b"prft", b"ssix", b"pdin")  # none begins a file
_HEADER, _LARGE_HEADER = 8, 16


def missing_bytes(path: Path) -> int:
    """Return how many bytes more the last box states than the file has; 0 for a whole file, or of another format.

    What is no box behind a whole file, as some programs put there, does not count.
    """
    n_bytes = path.stat().st_size
    at = 0
    kinds: set[bytes] = set()
    with path.open("rb") as file:
        while at < n_bytes:
            file.seek(at)
            header = file.read(_LARGE_HEADER)
            if len(header) < _HEADER:
                is_whole = not at or (kinds >= {b"moov", b"mdat"} and b"moof" not in kinds)
                return 0 if is_whole else _HEADER - len(header)
            kind = header[4:8]
            if kind not in _KINDS and (at == 0 or kind not in _OTHER_KINDS):
                return 0
            kinds.add(kind)
            size = int.from_bytes(header[:4])
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < _HEADER:  # 0: to the end of the file; others are no size
                return 0
            at += size
    return at - n_bytes
