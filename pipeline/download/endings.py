"""Classify what yt-dlp reports into the few classes that are counted, tried again and acted on.

yt-dlp raises one exception for nearly everything, and sites state the cause as text: so the text is matched. All of
its messages are read: the error often names a symptom ('Requested format is not available'), and a warning or a debug
line the cause (no solver).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.download.remedies import (
    COOKIES,
    CURL_CFFI,
    NEWER_YT_DLP,
    PASSWORD,
    PAYMENT,
    PROXY,
    SOLVER,
    TIME,
    TOKEN,
)

UNAVAILABLE, UNSUPPORTED, FORBIDDEN = "unavailable", "unsupported", "forbidden"
BOT_CHECK, RATE_LIMITED, NETWORK, BAD_BYTES = "bot_check", "rate_limited", "network", "bad_bytes"
NO_FORMAT, NO_SOLVER = "no_format", "solver"
_DRM = "drm"


@dataclass(frozen=True, slots=True)
class Ending:
    """A class of failures; ``remedy`` is what would help, empty for a permanent one."""

    reason: str
    remedy: str = ""


@dataclass(slots=True)
class Messages:
    """What yt-dlp reported of one video, without ids and prefixes."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    debug: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Return the messages for reading, the errors first."""
        return [*self.errors, *self.warnings, *self.debug]

    def without(self, address: str) -> "Messages":
        """Return the messages without a video's address, which may hold any text."""
        return Messages(
            *([line.replace(address, "") for line in one] for one in (self.errors, self.warnings, self.debug))
        )


# The first match counts, so the particular comes first.
_ERRORS: tuple[tuple[str, Ending], ...] = (
    (r"^Unsupported URL|is not a valid URL|No connection adapters|are disabled by default", Ending(UNSUPPORTED)),
    (r"impersonate target|requires browser impersonation", Ending("missing_tool", CURL_CFFI)),
    (
        r"not a bot|captcha|anti-bot|Cloudflare|HTTP Error 412|blocked by server|\bIP\b.{0,30}\bblocked",
        Ending(BOT_CHECK, TIME),
    ),
    (r"HTTP Error 429|Too Many Requests|rate.?limit|try again later", Ending(RATE_LIMITED, TIME)),
    (r"challenge solving failed|signature solving failed", Ending(NO_SOLVER, SOLVER)),
    (r"confirm your age|age.?restrict|inappropriate for some users", Ending("age_restricted", COOKIES)),
    (r"members.only|join this channel", Ending("members_only", COOKIES)),
    (r"private video|video is private", Ending("private", COOKIES)),
    (r"(protected by|requires|wrong|incorrect|invalid) (a )?password|video-password", Ending("password", PASSWORD)),
    (r"requires? (payment|a purchase|a rental)|must be (purchased|rented)|pay to watch", Ending("paid", PAYMENT)),
    (
        r"registered users|requires? (an )?(authentication|account|log)|log(ged)? ?in|sign in|HTTP Error 401",
        Ending("login_required", COOKIES),
    ),
    (
        r"geo.?restrict|in your (country|region|location)|from your location|use a VPN|HTTP Error 451",
        Ending("geo_blocked", PROXY),
    ),
    (r"live stream recording is not available", Ending(UNAVAILABLE)),
    (r"removed|terminated|no longer available|been deleted|copyright|HTTP Error 410", Ending("removed")),
    (r"live event|premieres? (in|will begin)|not currently live|live stream", Ending("live", TIME)),
    (r"larger than max-filesize", Ending("too_large")),
    (r"has more bytes than any page", Ending(BAD_BYTES, TIME)),
    (
        r"fragment.* not found|downloaded file is empty|Did not get any data|curl: \(\d+\)|redirect loop",
        Ending(NETWORK, TIME),
    ),
    (r"unable to (open for writing|write|rename)\b", Ending(UNAVAILABLE, TIME)),  # of a file of this machine
    (r"HTTP Error 404|No such file or directory|does not exist|Is a directory", Ending("not_found")),
    (r"timed out|time-?out", Ending("timeout", TIME)),
    (r"HTTP Error 403", Ending(FORBIDDEN, TIME)),
    (r"DRM", Ending(_DRM)),
    (r"format is not available|No video formats", Ending(NO_FORMAT, NEWER_YT_DLP)),
    (r"unusual and will be skipped", Ending(UNSUPPORTED)),
    (r"(video|content) ?(is|'s)? ?(unavailable|not available|isn.t available)", Ending(UNAVAILABLE)),
    (
        r"HTTP Error 5\d\d|name resolution|resolve host|Failed to resolve|service not known|unreachable",
        Ending(NETWORK, TIME),
    ),
    (r"Connection|Remote end closed|more expected|expected \d+ bytes|IncompleteRead|SSL|EOF", Ending(NETWORK, TIME)),
)

# As urllib3 and curl name one in a message.
_HOST = re.compile(r"'[\w-]+(\.[\w-]+)+'|(?<=resolve host: )\S+|(?<=connect to )\S+")

_UNKNOWN = "unknown"  # no error, or one that no line of _ERRORS matches

# Of warnings and debug lines: the cause of an end, of these reasons, that says little by itself.
_HINTS: tuple[tuple[str, tuple[str, ...], Ending], ...] = (
    (r"challenge solving failed|signature solving failed", (NO_FORMAT, _UNKNOWN), Ending(NO_SOLVER, SOLVER)),
    (r"No supported JavaScript runtime", (NO_FORMAT,), Ending(NO_SOLVER, SOLVER)),
    (r"forcing SABR streaming|SABR-only streaming", (NO_FORMAT, _UNKNOWN), Ending(NO_SOLVER, SOLVER)),
    (r"require a GVS PO Token", (NO_FORMAT, _UNKNOWN), Ending("po_token", TOKEN)),
    (r"DRM to all videos on the tv client", (_DRM, NO_FORMAT, _UNKNOWN), Ending(_DRM, NEWER_YT_DLP)),
    (r"no impersonate target is available", (FORBIDDEN, _UNKNOWN), Ending("missing_tool", CURL_CFFI)),
    (r"HTTP Error 403", (NETWORK,), Ending(FORBIDDEN, TIME)),
)


def is_a_hint(line: str) -> bool:
    """Return whether a line of progress or for debugging may tell why a download fails."""
    return "Aborting" in line or "HTTP Error" in line or any(re.search(one, line, re.IGNORECASE) for one, *_ in _HINTS)


def classify(messages: Messages) -> Ending:
    """Return the class of a failure.

    Errors that no line of ``_ERRORS`` matches are ``unavailable``, and pass: the next run tries again. So is what
    yt-dlp gives no error for. A warning alone makes no failure permanent: it may be about something beside the video.
    """
    ending = _first(messages.errors)
    reason = ending.reason if ending else _UNKNOWN
    hints = [*messages.warnings, *messages.debug]
    for pattern, reasons, cause in _HINTS:
        if reason in reasons and any(re.search(pattern, line, re.IGNORECASE) for line in hints):
            return cause
    if ending is None and not messages.errors:
        ending = _first(messages.debug)
    if ending is None and (warned := _first(messages.warnings)) and warned.remedy:
        ending = warned
    return ending or Ending(UNAVAILABLE, TIME)


def _first(lines: Iterable[str]) -> Ending | None:
    causes = [_cause(line) for line in lines]
    for pattern, ending in _ERRORS:
        if any(re.search(pattern, cause, re.IGNORECASE) for cause in causes):
            return ending
    return None


def _cause(message: str) -> str:
    """Return the cause: a video's id and a host's name may be any text, advice to report a bug mentions many causes."""
    text = re.sub(r"^(ERROR: |\[debug\] |\[download\] )*(\[[^\]]+\] ?([^:]+: )?)?", "", message.strip())
    return _HOST.sub("", text.split("; please report this issue")[0])
