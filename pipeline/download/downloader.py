"""yt-dlp's downloader with manners: a wait that a server asks for is kept, pages are bounded, debug lines logged."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import yt_dlp
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError

from pipeline.download.settings import FetchSettings
from pipeline.download.versions import Versions
from pipeline.engine.time_limit import not_counted

MAX_PAGE_BYTES = 32_000_000
"""A page, a script or a list of pieces is held in memory; the largest known, a site's player, has 3 MB."""
TOO_LARGE_PAGE = "the server's answer has more bytes than any page"
_BLOCK_BYTES = 1 << 20
_BUSY = (429, 503)


class Downloader(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """Downloads one video; ``asked_wait_s`` is the wait that its host asked for, where that is too long to be kept."""

    def __init__(
        self, options: dict[str, Any], settings: FetchSettings, hold: Callable[[float], None], versions: Versions
    ) -> None:
        """``hold`` is told of each wait that is kept; ``versions`` are those of the parts that are here."""
        super().__init__(options)
        self._settings, self._hold, self._versions = settings, hold, versions
        self._waits_left = settings.retries
        self.asked_wait_s: float | None = None

    def write_debug(self, message: str, only_once: bool = False) -> None:
        """Log a line for debugging, which yt-dlp would only with tracebacks beside every error."""
        self.params["logger"].debug(f"[debug] {message}")

    def urlopen(self, req: Any) -> Response:
        """Send a request; again after a wait that the server asked for."""
        self._versions.ask(req)
        while True:
            try:
                response = super().urlopen(req)
                self._versions.note(req, response)
                return _bounded(response)
            except HTTPError as error:
                wait_s = retry_after_s(error.response.headers.get("Retry-After")) if error.status in _BUSY else None
                if wait_s is not None and wait_s > self._settings.retry_after_s:
                    self.asked_wait_s = wait_s
                if wait_s is None or self.asked_wait_s is not None or not self._waits_left:
                    raise
                error.close()
            self._waits_left -= 1
            self._hold(wait_s)
            with not_counted():
                time.sleep(wait_s)


def retry_after_s(header: str | None) -> float | None:
    """Return the wait in seconds that a Retry-After header states, as seconds or as a date; None for no such."""
    if header is None:
        return None
    with suppress(ValueError, OverflowError):
        return max(0.0, float(int(header)))
    with suppress(ValueError):
        date = parsedate_to_datetime(header)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return None


def _bounded(response: Response) -> Response:
    """Return ``response``; when it is read whole, it fails past MAX_PAGE_BYTES, also of unpacked bytes."""
    read = response.read

    def bounded(amt: int | None = None) -> bytes:
        if amt is not None:
            return bytes(read(amt))
        blocks, n_bytes = [], 0
        while block := read(_BLOCK_BYTES):
            blocks.append(block)
            n_bytes += len(block)
            if n_bytes > MAX_PAGE_BYTES:
                response.close()
                raise TransportError(f"{TOO_LARGE_PAGE}: over {MAX_PAGE_BYTES}")
        return b"".join(blocks)

    response.read = bounded
    return response
