"""The state of a remedy changes with what would help, and with nothing else; nothing can be read from it."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.download import remedies
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
    WHAT_TO_DO,
    state_of,
)
from pipeline.download.settings import FetchSettings
from tests.download.test_fetch import SETTINGS

PLUGIN = """
from yt_dlp.extractor.youtube.pot.provider import PoTokenProvider, register_provider

@register_provider
class TestPTP(PoTokenProvider):
    PROVIDER_VERSION = "1.7"
    PROVIDER_NAME = "test"
    BUG_REPORT_LOCATION = "https://example.org"

    def is_available(self):
        return False

    def _real_request_pot(self, request):
        raise NotImplementedError
"""
TWO_STATES = """
import yt_dlp
from pipeline.download.remedies import _token, state_of
from tests.download.test_fetch import SETTINGS

print(state_of("token", SETTINGS))
with yt_dlp.YoutubeDL({"quiet": True}):
    print(state_of("token", SETTINGS))
print(_token(SETTINGS))
"""


def changed(before: FetchSettings, after: FetchSettings) -> set[str]:
    """Return the remedies whose states differ."""
    return {one for one in WHAT_TO_DO if state_of(one, before) != state_of(one, after)}


def test_each_setting_changes_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    path.write_text("a")
    with_cookies = replace(SETTINGS, cookies=path)
    assert changed(SETTINGS, with_cookies) == {COOKIES, PAYMENT}
    assert changed(SETTINGS, replace(SETTINGS, proxy="http://user:pass@host")) == {PROXY}
    for name, remedy in (("po_token", TOKEN), ("video_password", PASSWORD)):
        assert changed(SETTINGS, replace(SETTINGS, **{name: "x"})) == {remedy}
    assert changed(SETTINGS, replace(SETTINGS, retries=9, pauses_s={"": 9}, rate_limit=1)) == set()
    before = state_of(COOKIES, with_cookies)
    path.write_text("b")
    assert state_of(COOKIES, with_cookies) != before
    path.write_text("a")
    assert state_of(COOKIES, with_cookies) == before


@pytest.mark.parametrize(
    ("package", "changes"),
    [
        ("yt-dlp", {SOLVER, NEWER_YT_DLP, CURL_CFFI}),
        ("yt-dlp-ejs", {SOLVER}),
        ("curl-cffi", {CURL_CFFI}),
    ],
)
def test_each_package_changes_its_remedies(package: str, changes: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = {one: state_of(one, SETTINGS) for one in WHAT_TO_DO}
    real = remedies._version
    monkeypatch.setattr(remedies, "_version", lambda name: "9999" if name == package else real(name))
    assert {one for one in WHAT_TO_DO if state_of(one, SETTINGS) != before[one]} == changes


def test_a_runtime_changes_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    before = state_of(SOLVER, SETTINGS)
    monkeypatch.setattr(remedies, "runtimes", lambda names: (("deno", "2.9.8", True),))
    assert state_of(SOLVER, SETTINGS) != before


def test_the_state_of_the_token_is_the_same_in_a_process_that_has_downloaded_nothing(tmp_path: Path) -> None:
    plugin = tmp_path / "yt_dlp_plugins" / "extractor" / "getpot_test.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN)
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    told = subprocess.run(
        [sys.executable, "-c", TWO_STATES], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, check=True
    )
    first, later, providers = told.stdout.decode().splitlines()
    assert first == later
    assert "1.7" in providers


def test_a_state_is_a_hash_and_time_has_none() -> None:
    secret = replace(SETTINGS, **dict.fromkeys(("proxy", "video_password", "po_token"), "hunter2"))
    for remedy in WHAT_TO_DO:
        assert re.fullmatch("" if remedy == TIME else "[0-9a-f]{32}", state_of(remedy, secret))
