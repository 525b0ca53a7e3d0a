"""Fetch the media file behind an address, whole: yt-dlp for http(s) and file URLs, local paths as they are.

It is cut to a clip's range when it is here: cutting while downloading starts at a key frame and drifts, and a broken
download could not be resumed. The server determines neither the name of a file nor where it is written.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import Params
from pipeline.core.records.media import PICTURE, SOUND, VIDEO
from pipeline.download.boxes import missing_bytes
from pipeline.download.endings import (
    BAD_BYTES,
    FORBIDDEN,
    NETWORK,
    RATE_LIMITED,
    UNAVAILABLE,
    UNSUPPORTED,
    Messages,
    classify,
    is_a_hint,
)
from pipeline.download.manners import Hosts, back_off_s, host_of
from pipeline.download.remedies import TIME, state_of
from pipeline.download.settings import FetchSettings
from pipeline.video.ffmpeg_program import with_ffmpeg
from pipeline.video.hdr import SDR
from pipeline.video.held import HeldMedia
from pipeline.video.streams import VIDEO_SUFFIXES

BYTES_PER_MB = 1_000_000
MAX_DETAIL_LENGTH = 1000
MOST_LINES = 100
STATED_DURATION_ERROR_S = 1.0
FILE_STEM = "media"
OTHER_SUFFIX = ".video"
VERSIONS = f"{FILE_STEM}.versions.json"  # of the parts of a download
MAX_NAME = 200  # characters of what a site states
_FORMATS, _SOUND_FORMATS = "bestvideo*+bestaudio/best/bestvideo*/bestaudio", "bestaudio/bestaudio*/best"


class DownloadParams(Params):
    """Section ``download`` of params.yaml; limits are on the whole file, whatever the clip's range, but max_clip_s."""

    max_height_px: int = Field(ge=64)
    """Of the formats offered, the best whose smaller side is at most this; else the smallest above it."""
    max_size_mb: float = Field(gt=0)
    """A larger file is ``failed: too_large``, 10^6 bytes."""
    min_duration_s: float = Field(ge=0)
    """A shorter file is ``filtered: too_short``, seconds."""
    max_duration_s: float = Field(gt=0)
    """A longer file is ``filtered: too_long``, seconds; not downloaded where the site states its length."""
    max_clip_s: float | None = Field(ge=1)
    """A longer clip is split into parts of equal length, each a clip of its own, seconds; null: none is."""
    cut_margin_s: float | None = Field(ge=2)
    """A download is cut to its clip's range and this much before and behind, seconds; null: it is kept whole.

    Sound that is out of step is looked for beyond the range by up to ``detect.max_av_offset_s``, 1.25 s, and decoding
    begins half a second before.
    """
    max_total_gb: float | None = Field(gt=0)
    """A dataset whose downloads have this much fetches no more: ``waiting: disk_quota``, 10^9 bytes; null: no limit."""
    min_kept_share: float | None = Field(gt=0, le=1)
    """The stage fails where a smaller share of the clips has media; null: never."""
    hdr: Literal["tone_map", "filter"]
    """Footage in HDR (PQ or HLG) is shown in SDR, or is ``filtered: hdr``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A fetched file, and how it was fetched, as in the columns of Media."""

    path: Path
    tool: str
    format_id: str | None = None
    uploader: str | None = None
    fetched_on: str | None = None


def fetch(
    address: str,
    folder: Path,
    params: DownloadParams,
    settings: FetchSettings,
    hosts: Hosts | None = None,
    kind: str | None = None,
) -> Fetched | Dropped:
    """Return the media file of ``address``: a local path itself, anything else downloaded into ``folder``.

    ``folder`` belongs to this address alone: an interrupted download is resumed, a finished file is used as it
    is. Failures have the classes of pipeline/download/endings.py. ``hosts`` are the manners of a run; without, there
    are none. ``kind``: ``Clip.media_kind``; of what is listed as sound the picture is not downloaded, where a site has
    the sound alone. Raises BadInput for a bad cookies file, OSError when the disk is full.
    """
    if "://" not in address:
        return _local_file(Path(address), params)
    if not _is_url(address):
        return Dropped.failed(UNSUPPORTED, f"{address}: expected http://, https://, file:// or a path")
    folder.mkdir(parents=True, exist_ok=True)
    host = host_of(address)
    if host is None or hosts is None:
        return _download(address, folder, params, settings, _Log(kind=kind))
    with hosts.visit(host) as left_alone:
        if left_alone:
            return left_alone
        log = _Log(partial(hosts.hold, host), kind)
        found = _download(address, folder, params, settings, log)
        end = found if isinstance(found, Dropped) else None
        hosts.note(host, end)
        if end and log.asked_wait_s is not None:
            hosts.leave_alone(host, end, log.asked_wait_s)
        return found


def _is_url(address: str) -> bool:
    try:
        url = urlsplit(address)
    except ValueError:
        return False
    return (url.scheme in ("http", "https") and bool(url.hostname)) or url.scheme == "file"


def refuse(held: HeldMedia, params: DownloadParams) -> Dropped | None:
    """Return the drop of a readable media file that is too short, too long or unwanted HDR; None for others.

    A still picture has no length.
    """
    if held.kind != PICTURE and held.duration_s < params.min_duration_s:
        return Dropped.filtered("too_short", f"{held.duration_s:.2f} s, limit {params.min_duration_s} s")
    if held.duration_s > params.max_duration_s:
        return Dropped.filtered("too_long", f"{held.duration_s:.2f} s, limit {params.max_duration_s} s")
    transfer = held.columns["colour_transfer"]
    if held.kind == VIDEO and transfer != SDR and params.hdr == "filter":
        return Dropped.filtered("hdr", f"the picture is coded in {transfer.upper()}")
    return None


def _local_file(path: Path, params: DownloadParams) -> Fetched | Dropped:
    try:
        is_file = path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        return Dropped.failed("not_found", f"{path}: {error.strerror}", retryable=True)
    if not is_file:
        return Dropped.failed("not_found", f"{path}: expected a file, found none", retryable=True)
    return _refuse_size(path.stat().st_size, params) or Fetched(path=path, tool="file")


def _refuse_size(n_bytes: int, params: DownloadParams) -> Dropped | None:
    if n_bytes <= params.max_size_mb * BYTES_PER_MB:
        return None
    return Dropped.failed("too_large", f"{n_bytes} bytes or more, limit {params.max_size_mb} MB")


class _Log:
    """The logger of one download, and why we stopped it, if we did."""

    def __init__(self, hold: Callable[[float], None] = lambda _: None, kind: str | None = None) -> None:
        """``hold`` is told of each wait that the host asks for and that is kept; ``kind``: that of the clip."""
        self.hold, self.kind = hold, kind
        self.messages = Messages()
        self.refused: Dropped | None = None
        self.is_looked_up = False  # the site was asked, and what it offers is being downloaded
        self.asked_wait_s: float | None = None

    def debug(self, message: str) -> None:
        """Log a line of progress or for debugging, where it may tell why a download fails."""
        if is_a_hint(message):
            self._add(self.messages.debug, message)

    def warning(self, message: str) -> None:
        """Log a warning, often the cause of a later error."""
        self._add(self.messages.warnings, message)

    def error(self, message: str) -> None:
        """Log an error, for which nothing is raised with ignoreerrors; notes about old options come here too."""
        if message.startswith("ERROR:"):
            self._add(self.messages.errors, message)

    def _add(self, lines: list[str], line: str) -> None:
        if len(lines) < MOST_LINES:
            lines.append(line[:MAX_DETAIL_LENGTH].strip())

    def stop(self, refused: Dropped) -> None:
        """End the download for ``refused``."""
        import yt_dlp

        self.refused = refused
        raise yt_dlp.utils.DownloadCancelled(refused.reason)


def _download(
    address: str, folder: Path, params: DownloadParams, settings: FetchSettings, log: _Log
) -> Fetched | Dropped:
    """Download; where a server forbids what the site has just offered, the site is asked once more for its offers."""
    found = _try(address, folder, params, settings, log)
    if isinstance(found, Dropped) and found.reason == FORBIDDEN and log.is_looked_up:
        log.messages = Messages()
        found = _try(address, folder, params, settings, log)
    return found


def _try(address: str, folder: Path, params: DownloadParams, settings: FetchSettings, log: _Log) -> Fetched | Dropped:
    import yt_dlp

    from pipeline.download.downloader import Downloader
    from pipeline.download.versions import Versions

    options, versions = _options(address, folder, params, settings, log), Versions(folder / VERSIONS)
    try:
        with Downloader(options, settings, log.hold, versions) as downloader:
            info = downloader.extract_info(address, download=True) or {}
            log.asked_wait_s = downloader.asked_wait_s
    except yt_dlp.utils.DownloadCancelled as error:
        return _give_up(folder, log.refused or Dropped.failed(UNAVAILABLE, str(error), retryable=True))
    except yt_dlp.cookies.CookieLoadError as error:
        raise BadInput(f"FACEVOX_COOKIES={settings.cookies}: expected Netscape format: {error}") from None
    if info.get("_type") in ("playlist", "multi_video"):
        return Dropped.failed(UNSUPPORTED, f"{address}: leads to a list of videos, expected one video")
    files = [Path(one["filepath"]) for one in info.get("requested_downloads", []) if "filepath" in one]
    if log.messages.errors or not files or not files[0].is_file():
        return _give_up(folder, _failure(address, folder, settings, log))
    return _settle(folder, files[0], params, info)


def _options(address: str, folder: Path, params: DownloadParams, settings: FetchSettings, log: _Log) -> dict[str, Any]:
    import imageio_ffmpeg

    template = str(folder.absolute()).replace("%", "%%").replace("$", "$$")
    waits = ("http", "fragment", "file_access", "extractor")
    return {
        "outtmpl": {"default": f"{template}/{FILE_STEM}.%(ext)s"},
        "format": _SOUND_FORMATS if log.kind == SOUND else _FORMATS,
        "format_sort": [f"res:{params.max_height_px}", "+hdr"],  # SDR first among those of one resolution
        "max_filesize": int(params.max_size_mb * BYTES_PER_MB),
        "match_filter": _filter(params, log),
        "progress_hooks": [_size_watch(params, log)],
        "ignoreerrors": True,
        "noplaylist": True,
        "playlist_items": "0",
        "enable_file_urls": address.lower().startswith("file:"),
        "ffmpeg_location": imageio_ffmpeg.get_ffmpeg_exe(),
        "ratelimit": settings.rate_limit,
        "retries": settings.retries,
        "fragment_retries": settings.retries,
        "extractor_retries": settings.retries,
        "skip_unavailable_fragments": False,
        "retry_sleep_functions": {kind: partial(back_off_s, settings.retry_wait_s) for kind in waits},
        "sleep_interval_requests": settings.request_wait_s,
        "socket_timeout": settings.timeout_s,
        "cookiefile": settings.cookie_file(),
        "js_runtimes": {name: {} for name in settings.js_runtimes},
        "proxy": settings.proxy,
        "videopassword": settings.video_password,
        "extractor_args": {"youtube": {"po_token": settings.po_token.split(",")}} if settings.po_token else {},
        "updatetime": False,
        "cachedir": False,
        "logger": log,
        "noprogress": True,
        "color": "never",
    }


def _filter(params: DownloadParams, log: _Log) -> Callable[..., None]:
    """Return a filter that stops a download whose length or state the site already states to be refused."""

    def check(info: dict[str, Any], *, incomplete: bool = False) -> None:
        log.is_looked_up = not incomplete
        if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
            log.stop(Dropped.failed("live", "still being broadcast, or announced", retryable=True))
        stated_s = info.get("duration")
        if stated_s and stated_s + STATED_DURATION_ERROR_S < params.min_duration_s:
            log.stop(Dropped.filtered("too_short", f"the site states {stated_s} s"))
        if stated_s and stated_s - STATED_DURATION_ERROR_S > params.max_duration_s:
            log.stop(Dropped.filtered("too_long", f"the site states {stated_s} s"))

    return check


def _size_watch(params: DownloadParams, log: _Log) -> Callable[[dict[str, Any]], None]:
    """Return a hook that stops a transfer which grows beyond the limit without a stated size."""

    def check(progress: dict[str, Any]) -> None:
        refused = _refuse_size(progress.get("downloaded_bytes") or 0, params)
        if refused:
            log.stop(refused)

    return check


def _failure(address: str, folder: Path, settings: FetchSettings, log: _Log) -> Dropped:
    lines = [line.replace(str(folder.absolute()), ".") for line in log.messages.all()]
    lines = lines or ["nothing was downloaded, and yt-dlp reports no reason"]
    if any(text in line for line in lines for text in ("No space left on device", "Disk quota exceeded")):
        raise OSError(errno.ENOSPC, f"disk full while downloading {address}: {lines[0]}")
    detail = "; ".join(lines)[:MAX_DETAIL_LENGTH]
    if log.asked_wait_s is not None:
        detail = f"the host asks to wait for {log.asked_wait_s:.0f} s; {detail}"
        return Dropped.waiting(RATE_LIMITED, detail, remedy=TIME)
    ending = classify(log.messages.without(address))
    if (
        ending.reason == UNSUPPORTED
        and "Unsupported URL" in detail
        and Path(urlsplit(address).path).suffix.lower() in VIDEO_SUFFIXES
    ):
        return Dropped.failed(BAD_BYTES, f"expected a video, the server sent something else; {detail}", retryable=True)
    if ending.remedy in ("", TIME):
        return Dropped.failed(ending.reason, detail, retryable=ending.remedy == TIME)
    return Dropped.waiting(ending.reason, detail, remedy=ending.remedy, remedy_state=state_of(ending.remedy, settings))


def _settle(folder: Path, file: Path, params: DownloadParams, info: dict[str, Any]) -> Fetched | Dropped:
    """Return the finished file, renamed to ``media`` and its suffix, and what the site states of it."""
    import yt_dlp

    (folder / VERSIONS).unlink(missing_ok=True)
    refused = _refuse_size(file.stat().st_size, params) or _refuse_bytes(file)
    if refused:
        file.unlink()
        return _give_up(folder, refused)
    suffix = file.suffix.lower()
    path = folder / f"{FILE_STEM}{suffix if suffix in VIDEO_SUFFIXES else OTHER_SUFFIX}"
    tool = f"yt-dlp {yt_dlp.version.__version__}"
    return Fetched(
        path=file.replace(path),
        tool=with_ffmpeg(tool) if info.get("requested_formats") else tool,
        format_id=_stated(info.get("format_id")),
        uploader=_stated(info.get("uploader") or info.get("channel")),
        fetched_on=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _stated(value: object) -> str | None:
    """Return what a site states, of any length and with any characters, as a short text; None for nothing."""
    return str(value or "").encode("utf-8", "replace").decode()[:MAX_NAME] or None


def _refuse_bytes(file: Path) -> Dropped | None:
    """Return the drop of a file that is not what was asked for: empty, a page, or cut though its length was as stated.

    Such a file is a server's mistake, which passes.
    """
    from yt_dlp.utils import is_html

    with file.open("rb") as opened:
        first = opened.read(512)
    if not first:
        return Dropped.failed(NETWORK, "the downloaded file is empty", retryable=True)
    if is_html(first):
        return Dropped.failed(BAD_BYTES, "expected a video, the server sent a page", retryable=True)
    missing = missing_bytes(file)
    if missing:
        return Dropped.failed(BAD_BYTES, f"the file is cut: its last box states {missing} bytes more", retryable=True)
    return None


def _give_up(folder: Path, dropped: Dropped) -> Dropped:
    """Remove the parts of a download that will not be resumed."""
    if not dropped.retryable:
        for part in folder.glob(f"{FILE_STEM}.*"):
            part.unlink()
    return dropped
