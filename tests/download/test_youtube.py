"""YouTube's refusals, raised by yt-dlp's own extractor out of answers of YouTube: class, kind and what would help."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.utils._jsruntime import DenoJsRuntime, JsRuntimeInfo

from pipeline.core.base.outcome import MENDABLE, PASSING, PERMANENT, Dropped
from pipeline.download.fetch import fetch
from pipeline.download.remedies import COOKIES, NEWER_YT_DLP, PROXY, SOLVER, TOKEN
from tests.download import youtube
from tests.download.test_fetch import PARAMS, SETTINGS
from tests.download.youtube import FORMAT, N_CHALLENGE, SIGNATURE, WITHOUT_URL, YouTube, playable, refused


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> YouTube:
    """YouTube, in memory."""
    return youtube.install(monkeypatch)


def end(folder: Path, js_runtimes: tuple[str, ...] = ()) -> tuple[str, str, str]:
    """Return class, kind and remedy of the failure to fetch the video."""
    found = fetch(youtube.ADDRESS, folder, PARAMS, replace(SETTINGS, retries=0, js_runtimes=js_runtimes))
    assert isinstance(found, Dropped), found
    return found.reason, found.kind, found.remedy


COUNTRY = "The uploader has not made this video available in your country"
ANSWERS = [
    (refused("Private video. Sign in if you've been granted access to this video"), "private", MENDABLE, COOKIES),
    (refused("Sign in to confirm your age", subreason="It may be inappropriate"), "age_restricted", MENDABLE, COOKIES),
    (refused("Join this channel to get access to members-only content"), "members_only", MENDABLE, COOKIES),
    (refused("Video unavailable", subreason="This video has been removed by the uploader"), "removed", PERMANENT, ""),
    (refused("Video unavailable", subreason=COUNTRY), "geo_blocked", MENDABLE, PROXY),
    (refused("This live stream recording is not available."), "unavailable", PERMANENT, ""),
    (refused("This live event will begin in 3 hours."), "live", PASSING, ""),
    (refused("Premiere will begin shortly"), "live", PASSING, ""),
    (refused("Sign in to confirm you\u2019re not a bot"), "bot_check", PASSING, ""),
    (refused("Video unavailable", captcha=True), "bot_check", PASSING, ""),
    (refused("This content isn't available, try again later."), "rate_limited", PASSING, ""),
    (refused("This content isn\u2019t available, try again later."), "rate_limited", PASSING, ""),
    (playable(FORMAT | {"drmFamilies": ["WIDEVINE"]}), "drm", PERMANENT, ""),
    (playable(WITHOUT_URL), "solver", MENDABLE, SOLVER),
    (playable(N_CHALLENGE | {"audioTrack": {}}), "solver", MENDABLE, SOLVER),
    (playable(SIGNATURE), "solver", MENDABLE, SOLVER),
]


@pytest.mark.parametrize(("answer", "reason", "kind", "remedy"), ANSWERS)
def test_each_answer_ends_in_its_class(
    answer: dict[str, Any], reason: str, kind: str, remedy: str, site: YouTube, tmp_path: Path
) -> None:
    site.answer = answer
    assert end(tmp_path) == (reason, kind, remedy)


def test_answers_about_another_video_are_a_block(site: YouTube, tmp_path: Path) -> None:
    site.answer, site.video_id = playable(FORMAT), "zzzzzzzzzzz"
    assert end(tmp_path)[:2] == ("bot_check", PASSING)


def test_without_formats_and_hints_a_newer_yt_dlp_would_help(
    site: YouTube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deno = JsRuntimeInfo(name="deno", path="/bin/deno", version="2.9.8", version_tuple=(2, 9, 8))
    monkeypatch.setattr(DenoJsRuntime, "_info", lambda self: deno)
    site.answer = playable()
    assert end(tmp_path, ("deno",)) == ("no_format", MENDABLE, NEWER_YT_DLP)


def test_formats_that_want_a_token_wait_for_one(site: YouTube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deno = JsRuntimeInfo(name="deno", path="/bin/deno", version="2.9.8", version_tuple=(2, 9, 8))
    monkeypatch.setattr(DenoJsRuntime, "_info", lambda self: deno)
    site.answer, site.of_clients = playable(), {"WEB": playable(FORMAT)}
    assert end(tmp_path, ("deno",)) == ("po_token", MENDABLE, TOKEN)
