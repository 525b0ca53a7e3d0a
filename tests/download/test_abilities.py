"""What yt-dlp can do here is asked of yt-dlp: its solver, its runtimes, its targets, its cookies."""

import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yt_dlp.extractor.youtube.jsc._builtin.ejs as ejs
from yt_dlp import YoutubeDL
from yt_dlp.extractor.youtube.jsc._builtin.deno import DenoJCP
from yt_dlp.networking.impersonate import ImpersonateTarget
from yt_dlp.utils._jsruntime import DenoJsRuntime, JsRuntimeInfo

from pipeline.core.base.errors import BadInput, ToolMissing
from pipeline.download import remedies
from pipeline.download.abilities import NotHere, cookies, impersonation, runtime, solver
from tests.download.test_fetch import SETTINGS

WITH_DENO = replace(SETTINGS, js_runtimes=("deno",))
HEAD = "# Netscape HTTP Cookie File\n"


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    remedies.runtimes.cache_clear()


def deno(version: str, *, is_supported: bool = True) -> JsRuntimeInfo:
    return JsRuntimeInfo(name="deno", path="deno", version=version, version_tuple=(2,), supported=is_supported)


def test_a_runtime_is_named_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DenoJsRuntime, "_info", lambda self: deno("2.9.8"))
    assert runtime(WITH_DENO) == "JavaScript runtime deno 2.9.8, for the scripts of YouTube"


@pytest.mark.parametrize(
    ("info", "said"),
    [(None, r"no JavaScript runtime \(deno\): formats"), (deno("1.0", is_supported=False), "deno 1.0 is older than")],
)
def test_without_a_runtime_that_yt_dlp_supports_the_package_is_named(
    info: JsRuntimeInfo | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DenoJsRuntime, "_info", lambda self: info)
    with pytest.raises(NotHere, match=said) as raised:
        runtime(WITH_DENO)
    assert "pip install -c constraints.txt -e '.[deno]'" in str(raised.value)


def test_without_its_package_the_solver_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ejs, "_has_ejs", None)
    with pytest.raises(ToolMissing, match=r"No usable challenge solver lib script available.*Run 'make install'"):
        solver(SETTINGS)


with_its_package = pytest.mark.skipif(importlib.util.find_spec("yt_dlp_ejs") is None, reason="needs yt-dlp[default]")


@with_its_package
def test_a_solver_without_a_runtime_waits_for_one() -> None:
    with pytest.raises(NotHere, match=r"solver 0\.\S+ \(python package\), but nothing that runs it"):
        solver(SETTINGS)


@with_its_package
def test_a_solver_counts_when_a_runtime_has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DenoJsRuntime, "_info", lambda self: deno("2.9.8"))
    monkeypatch.setattr(DenoJCP, "_run_js_runtime", lambda self, stdin: "42\n" if "42" in stdin else "")
    assert solver(WITH_DENO).endswith("(python package), run by deno")
    monkeypatch.setattr(DenoJCP, "_run_js_runtime", lambda self, stdin: "")
    with pytest.raises(NotHere, match="nothing that runs it"):
        solver(WITH_DENO)


def test_impersonation_is_what_yt_dlp_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [(ImpersonateTarget("chrome"), "curl_cffi"), (ImpersonateTarget("safari"), "curl_cffi")]
    monkeypatch.setattr(YoutubeDL, "_get_available_impersonate_targets", lambda self: targets)
    assert impersonation(SETTINGS) == "passing for a browser: 2 targets (curl_cffi)"
    monkeypatch.setattr(YoutubeDL, "_get_available_impersonate_targets", lambda self: [])
    with pytest.raises(NotHere, match=r"pip install -c constraints.txt -e '.\[curl-cffi\]'"):
        impersonation(SETTINGS)


def cookie(domain: str, expires: int) -> str:
    return f"{domain}\tTRUE\t/\tFALSE\t{expires}\tname\tsecret\n"


def test_cookies_are_counted_by_site_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    ahead = int(time.time()) + 86400
    path.write_text(HEAD + cookie(".youtube.com", ahead) + cookie(".vimeo.com", ahead) + cookie(".old.org", 1))
    said = cookies(replace(SETTINGS, cookies=path))
    assert said == "cookies: 2 of vimeo.com, youtube.com"
    assert "secret" not in said


def test_cookies_that_are_missing_or_have_run_out_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotHere, match="set FACEVOX_COOKIES to the"):
        cookies(SETTINGS)
    path = tmp_path / "cookies.txt"
    path.write_text(HEAD + cookie(".youtube.com", 1))
    with pytest.raises(NotHere, match=r"all 1 have run out: export them again"):
        cookies(replace(SETTINGS, cookies=path))
    path.write_text("{}")
    with pytest.raises(BadInput, match="expected Netscape format"):
        cookies(replace(SETTINGS, cookies=path))
