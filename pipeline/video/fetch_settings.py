"""Settings of downloads, from the environment: none of them changes what a finished file holds."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.errors import BadInput

JS_RUNTIMES = ("deno", "node", "bun", "quickjs")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """Each field names its variable; see ``read_fetch_settings``."""

    rate_limit: float | None  # FACEVOX_RATE_LIMIT: bytes/s of each download; default: none
    retries: int  # FACEVOX_RETRIES: further tries of a request or of a broken transfer; default 5
    retry_wait_s: float  # FACEVOX_RETRY_WAIT_S: wait before the first retry, doubled for each more; default 1
    request_wait_s: float  # FACEVOX_REQUEST_WAIT_S: wait between requests that look up a video; default 0
    timeout_s: float  # FACEVOX_SOCKET_TIMEOUT_S: a host without response for this long has failed; default 30
    cookies: Path | None  # FACEVOX_COOKIES: cookies.txt for sites that require an account; never written to
    js_runtimes: tuple[str, ...]  # FACEVOX_JS_RUNTIMES: runtimes for YouTube's scripts; default deno,node


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
    )


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise BadInput(f"{name}={text!r}: expected a number from 0 on. Unset it for the default, {default}.")
    return value


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
