"""What would help a download that waits: its name, the sentence what to do, and a hash of its state.

Of the hash nothing of cookies, passwords or addresses can be read.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from urllib.request import getproxies

from pipeline.download.settings import FetchSettings

COOKIES, SOLVER, PROXY, TOKEN = "cookies", "solver", "proxy", "token"
NEWER_YT_DLP, CURL_CFFI, PASSWORD, PAYMENT, TIME = "newer_yt_dlp", "curl_cffi", "password", "payment", "time"

WHAT_TO_DO = {
    COOKIES: "set FACEVOX_COOKIES to the cookies.txt of an account that may see the video",
    SOLVER: "'facevox doctor' says whether the solver or a JavaScript runtime is missing: 'make install', then"
    " pip install -c constraints.txt -e '.[deno]'; or a newer yt-dlp",
    PROXY: "set FACEVOX_PROXY to a proxy in a country where the video is shown",
    TOKEN: "set FACEVOX_PO_TOKEN, or install a plugin of yt-dlp that provides such tokens",
    NEWER_YT_DLP: "install a newer yt-dlp: sites change, and it follows",
    CURL_CFFI: "pip install -c constraints.txt -e '.[curl-cffi]'",
    PASSWORD: "set FACEVOX_VIDEO_PASSWORD",
    PAYMENT: "set FACEVOX_COOKIES to the cookies.txt of an account that has paid",
    TIME: "run again later",
}


def state_of(remedy: str, settings: FetchSettings) -> str:
    """Return what identifies the present state of ``remedy``; empty for one without, such as time."""
    state = _STATES.get(remedy)
    if state is None:
        return ""
    content = json.dumps([remedy, state(settings)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _cookies(settings: FetchSettings) -> object:
    return hashlib.sha256(settings.cookies.read_bytes()).hexdigest() if settings.cookies else None


def _solver(settings: FetchSettings) -> object:
    return [_version("yt-dlp"), _version("yt-dlp-ejs"), runtimes(settings.js_runtimes)]


@cache
def runtimes(names: tuple[str, ...]) -> tuple[tuple[str, str, bool], ...]:
    """Return (name, version, is supported) of the JavaScript runtimes among ``names`` that yt-dlp finds."""
    import yt_dlp

    with yt_dlp.YoutubeDL({"quiet": True, "js_runtimes": {name: {} for name in names}}, auto_init=False) as downloader:
        found = [one.info for one in downloader._js_runtimes.values() if one is not None]
    return tuple((one.name, one.version, one.supported) for one in found if one is not None)


def _token(settings: FetchSettings) -> object:
    """Return the token set, and the versions of plugins that provide some."""
    import yt_dlp
    from yt_dlp.extractor.youtube.pot._registry import _pot_providers

    yt_dlp.YoutubeDL({"quiet": True}, auto_init=False).close()  # loads the plugins, which a process has to do once
    providers = {name: str(one.PROVIDER_VERSION) for name, one in _pot_providers.value.items()}
    return [settings.po_token, providers]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


_STATES: dict[str, Callable[[FetchSettings], object]] = {
    COOKIES: _cookies,
    PAYMENT: _cookies,
    SOLVER: _solver,
    PROXY: lambda settings: [settings.proxy, getproxies()],
    TOKEN: _token,
    NEWER_YT_DLP: lambda settings: _version("yt-dlp"),
    CURL_CFFI: lambda settings: [_version("curl-cffi"), _version("yt-dlp")],
    PASSWORD: lambda settings: settings.video_password,
}
