"""Classify yt-dlp's messages into the few drop reasons that are counted, retried and acted on.

yt-dlp raises one exception for nearly everything, and sites state the cause as text: so the text is matched.
"""

import re

from pipeline.core.base.outcome import Dropped

MAX_DETAIL_LENGTH = 1000

CLASSES: tuple[tuple[str, str, bool], ...] = (
    # (pattern of the message, reason, retryable): the first match counts, so the particular comes first
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
    """Return the failure that yt-dlp's ``message`` reports; ``detail`` goes to the ledger.

    A message that no line of ``CLASSES`` matches is ``unavailable`` and retryable: the next run, perhaps with a
    newer yt-dlp, tries again.
    """
    text = _without_id_and_advice(message)
    for pattern, reason, retryable in CLASSES:
        if re.search(pattern, text, re.IGNORECASE):
            return Dropped.failed(reason, detail[:MAX_DETAIL_LENGTH], retryable=retryable)
    return Dropped.failed("unavailable", detail[:MAX_DETAIL_LENGTH], retryable=True)


def _without_id_and_advice(message: str) -> str:
    """Return the cause: a video's id may hold any text, and the advice to report a bug mentions many causes."""
    text = re.sub(r"^ERROR: (\[[^\]]+\] ?([^:]+: )?)?", "", message.strip())
    return text.split("; please report this issue")[0]
