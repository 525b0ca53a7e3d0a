"""Payload kept on disk by key, in an unnamed temporary file that ends with the process."""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

Key = tuple[str, str]
"""The kind of payload, and the id of its item."""


class Spool:
    """Bytes by key; memory holds the keys only. The file is on the disk of ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._places: dict[Key, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def put(self, kind: str, item_id: str, payload: bytes) -> None:
        """Store ``payload``."""
        self._file.seek(self._end)
        self._file.write(payload)
        self._places[kind, item_id] = self._end, len(payload)
        self._end += len(payload)

    def get(self, kind: str, item_id: str) -> bytes | None:
        """Return the payload of a key, or None."""
        place = self._places.get((kind, item_id))
        if place is None:
            return None
        self._file.seek(place[0])
        return self._file.read(place[1])
