"""Sort yt-dlp's messages into the few classes that people count, retry and mend by.

yt-dlp has one way to fail for nearly everything, and sites tell the cause in words: so the words are read.
"""

import re

from pipeline.base.outcome import Dropped

MAX_DETAIL_LENGTH = 1000

CLASSES: tuple[tuple[str, str, bool], ...] = (
    # (what the message says, class, retryable): the first that matches holds, so the particular comes first
    (r"^Unsupported URL|is not a valid URL|No connection adapters", "unsupported", False),
    (r"not a bot|captcha|anti-bot|Cloudflare", "bot_check", True),
    (r"HTTP Error 429|Too Many Requests|rate.?limit", "rate_limited", True),
    (r"confirm your age|age.?restrict|inappropriate for some users", "age_restricted", False),
    (r"private video|video is private|members.only|join this channel|HTTP Error 401", "private", False),
    (r"geo.?restrict|in your (country|region|location)|use a VPN|HTTP Error 451", "geo_blocked", False),
    (r"removed|terminated|no longer available|been deleted|copyright|HTTP Error 410", "removed", False),
    (r"live event|premieres? in|not currently live|live stream", "live", True),
    (r"HTTP Error 404|No such file or directory|does not exist|Is a directory", "not_found", False),
    (r"larger than max-filesize", "too_large", False),
    (r"timed out|time-?out", "timeout", True),
    (r"DRM|format is not available|No video formats|unusual and will be skipped", "unsupported", False),
    (r"(video|content) ?(is|'s)? ?(unavailable|not available|isn.t available)", "unavailable", False),
    (r"HTTP Error 5\d\d|name resolution|Failed to resolve|service not known|unreachable", "network", True),
    (r"Connection|Remote end closed|more expected|expected \d+ bytes|Incomplete|SSL|EOF", "network", True),
)


def classify(message: str, detail: str) -> Dropped:
    """Return the failure that yt-dlp's ``message`` tells of; ``detail`` is what people read.

    What no line of ``CLASSES`` knows is ``unavailable`` and retryable: the next run, perhaps with a newer
    yt-dlp, tries again.
    """
    words = _without_id_and_advice(message)
    for pattern, reason, retryable in CLASSES:
        if re.search(pattern, words, re.IGNORECASE):
            return Dropped.failed(reason, detail[:MAX_DETAIL_LENGTH], retryable=retryable)
    return Dropped.failed("unavailable", detail[:MAX_DETAIL_LENGTH], retryable=True)


def _without_id_and_advice(message: str) -> str:
    """Return what failed: a video's id may say anything, and the plea to report a bug names everything."""
    words = re.sub(r"^ERROR: (\[[^\]]+\] ?([^:]+: )?)?", "", message.strip())
    return words.split("; please report this issue")[0]
