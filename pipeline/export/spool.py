"""Payload kept on disk by key, in unnamed temporary files that end with the process."""

import sqlite3
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

_CACHE_KB = 32768


class Spool:
    """Bytes by key, a kind of payload and the id of its item; on the disk of ``folder``, as are the keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._end = 0
        with tempfile.NamedTemporaryFile(dir=folder) as file:  # its name is gone behind this block, but not its content
            self._places = sqlite3.connect(file.name, isolation_level=None)
            # No journal: nothing here outlives the process.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
                self._places.execute(f"PRAGMA {pragma}")
            self._places.execute(
                "CREATE TABLE places (kind TEXT, item_id TEXT, start INTEGER, size INTEGER,"
                " PRIMARY KEY (kind, item_id)) WITHOUT ROWID"
            )
        self._places.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._places.close()
        self._file.close()

    def put(self, kind: str, item_id: str, payload: bytes) -> None:
        """Store ``payload``."""
        self._file.seek(self._end)
        self._file.write(payload)
        place = (kind, item_id, self._end, len(payload))
        self._places.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", place)
        self._end += len(payload)

    def get(self, kind: str, item_id: str) -> bytes | None:
        """Return the payload of a key, or None."""
        select = "SELECT start, size FROM places WHERE kind = ? AND item_id = ?"
        place = self._places.execute(select, (kind, item_id)).fetchone()
        if place is None:
            return None
        self._file.seek(place[0])
        return self._file.read(place[1])
