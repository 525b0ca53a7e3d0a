"""Failures that yt-dlp's extractors and wrappers raise with their own methods: class, kind and what would help."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.extractor.generic import GenericIE
from yt_dlp.networking import Request
from yt_dlp.networking.impersonate import ImpersonateTarget

from pipeline.core.base.outcome import MENDABLE, PERMANENT, Dropped
from pipeline.download.fetch import fetch
from pipeline.download.remedies import COOKIES, CURL_CFFI, NEWER_YT_DLP, PROXY
from tests.download.test_fetch import PARAMS, SETTINGS

Extract = Callable[[GenericIE], dict[str, Any] | None]

ADDRESS = "https://example.org/a"
STORYBOARD = {"format_id": "sb0", "url": "https://example.org/b", "vcodec": "none", "acodec": "none", "ext": "mhtml"}
PROTECTED = {"format_id": "1", "url": "https://example.org/b", "ext": "mp4", "has_drm": True}


def video(*formats: dict[str, Any]) -> dict[str, Any]:
    return {"id": "a", "title": "a", "formats": [*formats]}


def as_a_browser(extractor: GenericIE) -> None:
    extractor._request_webpage(Request(ADDRESS, extensions={"impersonate": ImpersonateTarget("no browser")}), "a")


CASES: dict[str, tuple[Extract, str, str, str]] = {
    "login": (lambda one: one.raise_login_required(), "login_required", MENDABLE, COOKIES),
    "country": (lambda one: one.raise_geo_restricted(countries=["DE"]), "geo_blocked", MENDABLE, PROXY),
    "drm": (lambda one: one.report_drm("a"), "drm", PERMANENT, ""),
    "protected formats": (lambda one: video(PROTECTED), "drm", PERMANENT, ""),
    "no formats": (lambda one: video(), "no_format", MENDABLE, NEWER_YT_DLP),
    "no wanted format": (lambda one: video(STORYBOARD), "no_format", MENDABLE, NEWER_YT_DLP),
    "impersonation": (as_a_browser, "missing_tool", MENDABLE, CURL_CFFI),
}


@pytest.mark.parametrize("case", CASES)
def test_each_way_to_fail_has_its_class(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract, reason, kind, remedy = CASES[case]
    monkeypatch.setattr(GenericIE, "_real_extract", lambda self, url: extract(self))
    found = fetch(ADDRESS, tmp_path, PARAMS, replace(SETTINGS, retries=0))
    assert isinstance(found, Dropped), found
    assert (found.reason, found.kind, found.remedy) == (reason, kind, remedy), found.detail
