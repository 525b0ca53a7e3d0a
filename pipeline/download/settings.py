"""Settings of downloads, from the environment: none of them changes what a finished file holds."""

import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.base.errors import BadInput

JS_RUNTIMES = ("deno", "node", "bun", "quickjs")
EVERY_HOST = ""
DEFAULT_PAUSES_S = {EVERY_HOST: 5.0, "youtube.com": 12.0}
"""YouTube gives a guest about 300 videos an hour; its users' advice (yt-dlp's wiki, 2025) is 5 to 10 s between two."""
_NAMES = dict.fromkeys(("youtu.be", "youtube-nocookie.com", "music.youtube.com"), "youtube.com")
_PREFIXES = ("www.", "m.")
_HTTP_ONLY, _COOKIE_VALUES, _EXPIRES = "#HttpOnly_", 7, 4  # of a line of a cookies.txt


def site_of(host: str) -> str:
    """Return the name that the hosts of one site share, in lower case."""
    host = host.lower()
    for prefix in _PREFIXES:
        host = host.removeprefix(prefix)
    return _NAMES.get(host, host)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """Each field names its variable; see ``read_fetch_settings``."""

    rate_limit: float | None  # FACEVOX_RATE_LIMIT: bytes/s of each download; default: none
    retries: int  # FACEVOX_RETRIES: further tries of a request or of a broken transfer; default 5
    retry_wait_s: float  # FACEVOX_RETRY_WAIT_S: wait before the first retry, about doubled for each more; default 1
    request_wait_s: float  # FACEVOX_REQUEST_WAIT_S: wait between requests that look up a video; default 0
    timeout_s: float  # FACEVOX_SOCKET_TIMEOUT_S: a host without response for this long has failed; default 30
    cookies: Path | None  # FACEVOX_COOKIES: cookies.txt for sites that require an account; never written to
    js_runtimes: tuple[str, ...]  # FACEVOX_JS_RUNTIMES: runtimes for YouTube's scripts; default deno,node
    retry_after_s: float = 60.0  # FACEVOX_RETRY_AFTER_S: a longer wait that a host asks for is left to a later run
    pauses_s: dict[str, float] = field(default_factory=lambda: {EVERY_HOST: 0.0})
    # FACEVOX_PAUSE_S: between the starts of two videos of a host: '5', or 'youtube.com=20,files.example.org=0'
    host_downloads: int = 2  # FACEVOX_HOST_DOWNLOADS: videos of one host at a time, over all workers; default 2
    proxy: str | None = None  # FACEVOX_PROXY: http, https or socks5 address; default: those of the system
    video_password: str | None = None  # FACEVOX_VIDEO_PASSWORD: of videos that are protected by one
    po_token: str | None = None  # FACEVOX_PO_TOKEN: yt-dlp's 'youtube:po_token', such as 'web.gvs+XXX'

    def pause_s(self, host: str) -> float:
        """Return the seconds between the starts of two videos of ``host``."""
        return self.pauses_s.get(host, self.pauses_s[EVERY_HOST])

    def cookie_file(self) -> io.StringIO | None:
        """Return the cookies as a file of their own for yt-dlp, without lines that are none: it would print them.

        Raises BadInput for a file that can't be read.
        """
        if self.cookies is None:
            return None
        try:
            lines = [*io.StringIO(self.cookies.read_text("utf-8-sig"))]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not in UTF-8"
            raise BadInput(f"FACEVOX_COOKIES={self.cookies}: expected Netscape format: {reason}") from None
        if lines and lines[0].lstrip().startswith(("[", "{")):
            raise BadInput(f"FACEVOX_COOKIES={self.cookies}: expected Netscape format, found JSON")
        return io.StringIO("".join(line for line in lines if _is_cookie(line)))


def _is_cookie(line: str) -> bool:
    """Return whether a line of a cookies.txt has a cookie that can be read, or is a comment."""
    if line.startswith("#") and not line.startswith(_HTTP_ONLY):
        return True
    values = line.rstrip("\r\n").split("\t")
    return len(values) == _COOKIE_VALUES and re.fullmatch(r"([0-9]+(\.[0-9]+)?)?", values[_EXPIRES]) is not None


def read_fetch_settings() -> FetchSettings:
    """Return the settings of this process; raise BadInput for a variable that can't be used."""
    return FetchSettings(
        rate_limit=_number("FACEVOX_RATE_LIMIT", 0) or None,
        retries=int(_number("FACEVOX_RETRIES", 5)),
        retry_wait_s=_number("FACEVOX_RETRY_WAIT_S", 1),
        request_wait_s=_number("FACEVOX_REQUEST_WAIT_S", 0),
        timeout_s=_number("FACEVOX_SOCKET_TIMEOUT_S", 30) or 30.0,
        cookies=_cookies(),
        js_runtimes=_js_runtimes(),
        retry_after_s=_number("FACEVOX_RETRY_AFTER_S", 60),
        pauses_s=_pauses_s(),
        host_downloads=max(1, int(_number("FACEVOX_HOST_DOWNLOADS", 2))),
        proxy=os.environ.get("FACEVOX_PROXY") or None,
        video_password=os.environ.get("FACEVOX_VIDEO_PASSWORD") or None,
        po_token=_po_token(),
    )


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    value = _from_zero(text) if text else float(default)
    if value is None:
        raise BadInput(f"{name}={text!r}: expected a number from 0 on. Unset it for the default, {default}.")
    return value


def _from_zero(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _pauses_s() -> dict[str, float]:
    """Return the pause of each host that has one of its own, and that of all others; a number alone is of all."""
    text = os.environ.get("FACEVOX_PAUSE_S", "")
    pauses_s: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        host, _, number = part.rpartition("=")
        value = _from_zero(number)
        if value is None:
            raise BadInput(
                f"FACEVOX_PAUSE_S={text!r}: expected seconds, or host=seconds with commas between."
                f" Unset it for the default, {DEFAULT_PAUSES_S[EVERY_HOST]:g}."
            )
        pauses_s[site_of(host.strip())] = value
    return pauses_s if EVERY_HOST in pauses_s else DEFAULT_PAUSES_S | pauses_s


def _po_token() -> str | None:
    text = os.environ.get("FACEVOX_PO_TOKEN") or None
    if text and not all("." in one.partition("+")[0] and one.partition("+")[2] for one in text.split(",")):
        raise BadInput(
            "FACEVOX_PO_TOKEN: expected client.context+token, such as web.gvs+XXX, with commas between several"
        )
    return text


def _cookies() -> Path | None:
    text = os.environ.get("FACEVOX_COOKIES")
    if text and not Path(text).is_file():
        raise BadInput(f"FACEVOX_COOKIES={text!r}: expected a cookies.txt in Netscape format, found no file")
    return Path(text) if text else None


def _js_runtimes() -> tuple[str, ...]:
    text = os.environ.get("FACEVOX_JS_RUNTIMES", "deno,node")
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in JS_RUNTIMES]
    if unknown:
        raise BadInput(f"FACEVOX_JS_RUNTIMES={text!r}: unknown {unknown}, known {list(JS_RUNTIMES)}")
    return names
