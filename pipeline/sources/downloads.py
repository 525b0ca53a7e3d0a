"""Downloads that are under way or done, by address: one is fetched once, however many clips are ranges of it."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import product
from pathlib import Path

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.media import SOUND
from pipeline.core.storage.atomic import claim, remove_folder, write_text
from pipeline.core.storage.query import query
from pipeline.download.endings import NO_SOLVER
from pipeline.download.fetch import Fetched
from pipeline.engine.time_limit import not_counted

BYTES_PER_GB = 1_000_000_000
DISK_QUOTA = "disk_quota"
_DONE = "done.json"  # which file it is, and how it was fetched
_TAKEN = "taken-"  # and the hash of a clip's id: the clip has ended


class Downloads:
    """The folders of downloads under ``root``; safe for many processes at once."""

    def __init__(self, root: Path, variant: str, n_clips: Mapping[str, int], ends: Path | None = None) -> None:
        """``variant``: what else than the address determines the file; ``n_clips``: of addresses with several clips.

        ``ends``: a folder of one run, for how addresses without media end; None: each clip asks for itself.
        """
        self._root, self._variant, self._n_clips, self._ends = root, variant, n_clips, ends

    @contextmanager
    def of(self, clip: Clip) -> Iterator["Download"]:
        """Yield the download of a clip's address; other processes that want it wait. Nothing is left if it is empty."""
        folder = self._folder(clip.address, is_sound=clip.media_kind == SOUND)
        with not_counted():
            descriptor = claim(folder, wait=True, empty=False)
        assert descriptor is not None
        try:
            n_clips = self._n_clips.get(clip.address, 1)
            yield Download(folder, clip, n_clips, self._ends / folder.name if self._ends and n_clips > 1 else None)
        finally:
            with suppress(OSError):
                folder.rmdir()
            os.close(descriptor)

    def clear(self) -> None:
        """Remove the finished files that were kept for further clips; those that another process holds stay."""
        for address, is_sound in product(self._n_clips, (False, True)):
            folder = self._folder(address, is_sound=is_sound)
            if not (folder / _DONE).is_file():
                continue
            descriptor = claim(folder, wait=False, empty=False)
            if descriptor is not None:
                remove_folder(folder)
                os.close(descriptor)

    def _folder(self, address: str, *, is_sound: bool) -> Path:
        variant = f"{self._variant}\nsound" if is_sound else self._variant
        return self._root / hashlib.sha256(f"{address}\n{variant}".encode()).hexdigest()


class Download:
    """The download of one address, held by this process for one clip of ``n_clips``."""

    def __init__(self, folder: Path, clip: Clip, n_clips: int, end: Path | None = None) -> None:
        """``end``: where this run notes that the address has no media."""
        self.folder = folder
        self._clip, self._n_clips, self._end = clip, n_clips, end

    def end(self) -> Dropped | None:
        """Return how the address ended in this run for another clip, if that is so for all of them."""
        if self._end is None or not self._end.is_file():
            return None
        return Dropped(**json.loads(self._end.read_bytes()))

    def note_end(self, dropped: Dropped) -> None:
        """Note how the address ended, for its other clips, unless another try may end better.

        Clips of a host that needs a solver are counted where the host is left alone.
        """
        if self._end is not None and not dropped.retryable and dropped.reason != NO_SOLVER:
            write_text(self._end, json.dumps(asdict(dropped)))

    def done(self) -> Fetched | None:
        """Return the file, if it is here whole."""
        try:
            noted = json.loads((self.folder / _DONE).read_bytes())
            size_bytes, path = noted.pop("size_bytes"), self.folder / noted.pop("name")
            return Fetched(path=path, **noted) if path.stat().st_size == size_bytes else None
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return None

    def put(self, fetched: Fetched) -> None:
        """Note that ``fetched``, a file in the folder, is whole."""
        noted = asdict(fetched)
        path = noted.pop("path")
        noted |= {"name": path.name, "size_bytes": path.stat().st_size}
        write_text(self.folder / _DONE, json.dumps(noted))

    def forget(self) -> None:
        """Remove all of it: the next try fetches it anew."""
        remove_folder(self.folder)

    def take(self) -> None:
        """Note that the clip has ended; remove all when it was the last one of the address."""
        dataset = hashlib.sha256(self._clip.dataset.encode()).hexdigest()[:16]
        name = hashlib.sha256(self._clip.clip_id.encode()).hexdigest()
        if self._n_clips > 1:
            (self.folder / f"{_TAKEN}{dataset}-{name}").touch()
        if self._n_clips == 1 or sum(1 for _ in self.folder.glob(f"{_TAKEN}{dataset}-*")) >= self._n_clips:
            self.forget()


def clips_of_addresses(listed: Path) -> dict[str, int]:
    """Return the number of clips of each address to be downloaded that has several, of a manifest of Clip."""
    with query({"listed": (listed, Clip)}) as connection:
        rows = connection.sql(
            "SELECT address, count(*) FROM listed WHERE contains(address, '://') GROUP BY address HAVING count(*) > 1"
        ).fetchall()
    return dict(rows)


class DiskQuota:
    """How many bytes of a dataset are downloaded, counted in one file by all processes of a run; and the limit."""

    def __init__(self, counter: Path, limit_bytes: float) -> None:
        """``counter``: a file that this run makes; it is read once before each download."""
        self._counter, self._limit_bytes = counter, limit_bytes

    def add(self, n_bytes: int) -> None:
        """Count a file."""
        with self._counter.open("ab") as file:  # short, appended at once: writes of several processes do not mix
            file.write(b"%d\n" % n_bytes)

    def reached(self) -> Dropped | None:
        """Return the end of a clip that has to wait because the limit is reached; None below it."""
        n_bytes = sum(map(int, self._counter.read_bytes().split())) if self._counter.is_file() else 0
        if n_bytes < self._limit_bytes:
            return None
        detail = f"{n_bytes / BYTES_PER_GB:.2f} GB are downloaded: raise download.max_total_gb"
        return Dropped.waiting(DISK_QUOTA, detail, remedy=DISK_QUOTA)
