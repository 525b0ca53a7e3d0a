"""What this machine's yt-dlp can do, asked of yt-dlp itself: solve scripts, pass for a browser, log in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.core.base.errors import BadInput, ToolMissing
from pipeline.download.remedies import COOKIES, CURL_CFFI, WHAT_TO_DO, runtimes
from pipeline.download.settings import FetchSettings

_INSTALL_RUNTIME = "pip install -c constraints.txt -e '.[deno]'"
_ANSWER = "42"


class NotHere(Exception):
    """Something is missing that only some sites need; the message says what to do."""


def runtime(settings: FetchSettings) -> str:
    """Return the JavaScript runtimes that yt-dlp finds and supports; raises NotHere without any."""
    found = runtimes(settings.js_runtimes)
    supported = [f"{name} {version}" for name, version, is_supported in found if is_supported]
    if supported:
        return f"JavaScript runtime {', '.join(supported)}, for the scripts of YouTube"
    old = "".join(f"; {name} {version} is older than yt-dlp supports" for name, version, _ in found)
    wanted = " or ".join(settings.js_runtimes) or "any: FACEVOX_JS_RUNTIMES is empty"
    raise NotHere(f"no JavaScript runtime ({wanted}){old}: formats of YouTube are lost. {_INSTALL_RUNTIME}")


def solver(settings: FetchSettings) -> str:
    """Return where yt-dlp's solver of YouTube's scripts comes from, having run it.

    Raises ToolMissing without its scripts, NotHere where no runtime runs them.
    """
    with _youtube(settings) as (youtube, log):
        from yt_dlp.extractor.youtube.jsc._builtin.ejs import EJSBaseJCP, ScriptType
        from yt_dlp.extractor.youtube.jsc.provider import JsChallengeProviderError, JsChallengeProviderRejectedRequest

        providers = [one for one in youtube._jsc_director.providers.values() if isinstance(one, EJSBaseJCP)]
        try:
            scripts = [one._get_script(kind) for one in providers[:1] for kind in ScriptType]
        except JsChallengeProviderRejectedRequest as error:
            told = "; ".join([str(error), *log.lines])
            raise ToolMissing(f"yt-dlp's solver: {told}: formats of YouTube are lost. Run 'make install'.") from None
        known = f"yt-dlp's solver {scripts[0].version} ({scripts[0].source.value})"
        for provider in providers:
            if provider.is_available():
                try:
                    answer = provider._run_js_runtime(f"console.log({_ANSWER})")
                except JsChallengeProviderError as error:
                    raise NotHere(f"{known}: {provider.PROVIDER_NAME} fails: {error}. {_INSTALL_RUNTIME}") from None
                if answer.strip() == _ANSWER:
                    return f"{known}, run by {provider.PROVIDER_NAME}"
        raise NotHere(f"{known}, but nothing that runs it. {_INSTALL_RUNTIME}")


def impersonation(settings: FetchSettings) -> str:
    """Return how many browsers yt-dlp can pass for; raises NotHere for none."""
    with _downloader(settings) as (downloader, _):
        targets = downloader._get_available_impersonate_targets()
    if not targets:
        raise NotHere(f"passing for a browser, which some sites want: {WHAT_TO_DO[CURL_CFFI]}")
    handlers = ", ".join(sorted({handler for _, handler in targets}))
    return f"passing for a browser: {len(targets)} targets ({handlers})"


def cookies(settings: FetchSettings) -> str:
    """Return how many cookies yt-dlp reads; raises NotHere without a file or where all have run out, BadInput."""
    if settings.cookies is None:
        raise NotHere(f"no cookies: private and age-restricted videos wait. To have them, {WHAT_TO_DO[COOKIES]}")
    from yt_dlp.cookies import CookieLoadError

    try:
        with _downloader(settings) as (downloader, _):
            jar = list(downloader.cookiejar)
    except CookieLoadError as error:
        raise BadInput(f"FACEVOX_COOKIES={settings.cookies}: expected Netscape format: {error}") from None
    fresh = [one for one in jar if not one.is_expired(int(time.time()))]
    sites = sorted({one.domain.lstrip(".") for one in fresh})
    if not fresh:
        raise NotHere(f"cookies of {settings.cookies}: all {len(jar)} have run out: export them again")
    return f"cookies: {len(fresh)} of {', '.join(sites[:5])}{', ...' if len(sites) > 5 else ''}"


class _Lines:
    """A logger that keeps warnings and errors."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def debug(self, message: str) -> None:
        """Leave out a line of progress."""

    def warning(self, message: str) -> None:
        """Keep a warning."""
        self.lines.append(message)

    error = warning


@contextmanager
def _downloader(settings: FetchSettings) -> Iterator[tuple[Any, _Lines]]:
    import yt_dlp

    log = _Lines()
    options: dict[str, Any] = {
        "cookiefile": settings.cookie_file(),
        "js_runtimes": {name: {} for name in settings.js_runtimes},
        "ignoreerrors": True,
        "cachedir": False,
        "logger": log,
        "color": "never",
    }
    with yt_dlp.YoutubeDL(options) as downloader:
        yield downloader, log


@contextmanager
def _youtube(settings: FetchSettings) -> Iterator[tuple[Any, _Lines]]:
    """Yield YouTube's extractor, ready, without having asked YouTube for anything."""
    with _downloader(settings) as (downloader, log):
        extractor = downloader.get_info_extractor("Youtube")
        extractor.initialize()
        yield extractor, log
