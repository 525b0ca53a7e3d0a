"""A server that misbehaves on cue: each ends in its class, within bounds of memory, disk, time and requests."""

import gzip
import multiprocessing
import time
import tracemalloc
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from pipeline.core.base.outcome import PASSING, PERMANENT, WAITING, Dropped
from pipeline.download import downloader
from pipeline.download.downloader import retry_after_s
from pipeline.download.fetch import Fetched, fetch
from tests.download.conftest import Answer, Server
from tests.download.test_fetch import PARAMS, SETTINGS, files_below

# yt-dlp leaves it to the garbage collector to close connections that it gives up.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

PATH = "/cue.mp4"
GOOD = Answer()
PAGE = b"<!DOCTYPE html><html><body>Please wait</body></html>"
BUSY = Answer(status=429, headers={"Retry-After": "0"})


def get(server: Server, folder: Path, *answers: Answer, path: str = PATH, retries: int = 1) -> Fetched | Dropped:
    """Fetch an address whose server gives these answers in order, the last one again and again."""
    server.cues[path] = [*answers]
    return fetch(server.url(path), folder, PARAMS, replace(SETTINGS, retries=retries, timeout_s=20))


def bomb(n_bytes: int) -> bytes:
    return gzip.compress(bytes(n_bytes))


ZIPPED = {"Content-Encoding": "gzip"}
CASES = {
    "429": ([Answer(status=429)], "rate_limited", PASSING),
    "403 before the download": ([Answer(status=403)], "forbidden", PASSING),
    "403 in the download": ([GOOD, Answer(status=403)], "forbidden", PASSING),
    "403 of Cloudflare": (
        [Answer(status=403, headers={"cf-mitigated": "challenge", "Server": "cloudflare"})],
        "bot_check",
        PASSING,
    ),
    "404": ([Answer(status=404)], "not_found", PERMANENT),
    "404 in the download": ([GOOD, Answer(status=404)], "not_found", PERMANENT),
    "cut again and again": ([Answer(cut=600)], "network", PASSING),
    "a stated length that is too long": ([Answer(stated=10**6)], "network", PASSING),
    "a loop": ([Answer(status=302, headers={"Location": PATH})], "network", PASSING),
    "to a file": ([Answer(status=302, headers={"Location": "file:///etc/hostname"})], "unsupported", PERMANENT),
    "a page": ([Answer(body=PAGE, kind="text/html")], "bad_bytes", PASSING),
    "a page called a video": ([Answer(body=PAGE)], "bad_bytes", PASSING),
    "a page instead of the video": ([GOOD, Answer(body=PAGE, kind="text/html")], "bad_bytes", PASSING),
    "nothing": ([GOOD, Answer(body=b"")], "network", PASSING),
    "an endless body": ([Answer(is_endless=True)], "too_large", PERMANENT),
    "a bomb called a video": ([Answer(body=bomb(20_000_000), headers=ZIPPED)], "too_large", PERMANENT),
}


@pytest.mark.parametrize("case", CASES)
def test_each_fault_has_its_class(case: str, server: Server, tmp_path: Path) -> None:
    answers, reason, kind = CASES[case]
    found = get(server, tmp_path / "item", *answers)
    assert isinstance(found, Dropped), found
    assert (found.reason, found.kind) == (reason, kind), found.detail
    left = sum((tmp_path / name).stat().st_size for name in files_below(tmp_path))
    assert left <= PARAMS.max_size_mb * 1e6
    assert len(server.requests) <= 50


def test_a_length_that_is_stated_too_short_is_noticed_by_the_boxes_of_the_file(server: Server, tmp_path: Path) -> None:
    n_bytes = len(server.content)
    for n_missing in (1, n_bytes // 2):
        found = get(server, tmp_path / "item", Answer(body=server.content[: n_bytes - n_missing]))
        assert isinstance(found, Dropped), found
        assert (found.reason, found.kind) == ("bad_bytes", PASSING), found.detail
        assert files_below(tmp_path) == []
    assert isinstance(get(server, tmp_path / "item", GOOD), Fetched)


@pytest.mark.parametrize("answer", [Answer(kind="text/html", is_endless=True), None])
def test_an_endless_page_and_a_bomb_of_a_page_cost_no_memory(
    answer: Answer | None, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloader, "MAX_PAGE_BYTES", 4_000_000)
    server.content = PAGE + bytes(100_000)
    answer = answer or Answer(kind="text/html", body=gzip.compress(PAGE + bytes(100_000_000)), headers=ZIPPED)
    tracemalloc.start()
    try:
        found = get(server, tmp_path / "item", answer, path="/page")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(found, Dropped), found
    assert (found.reason, found.kind) == ("bad_bytes", PASSING), found.detail
    assert peak < 40_000_000


def test_a_wait_that_the_server_asks_for_is_kept_and_the_video_comes(server: Server, tmp_path: Path) -> None:
    found = get(server, tmp_path / "item", BUSY, Answer(status=503, headers={"Retry-After": "0"}), GOOD, retries=2)
    assert isinstance(found, Fetched), found
    assert found.path.read_bytes() == server.content


def test_no_more_waits_are_kept_than_there_are_retries(server: Server, tmp_path: Path) -> None:
    found = get(server, tmp_path / "item", BUSY, retries=2)
    assert isinstance(found, Dropped)
    assert (found.reason, found.kind, len(server.requests)) == ("rate_limited", PASSING, 3)


def test_a_wait_that_is_too_long_is_left_to_the_next_run(server: Server, tmp_path: Path) -> None:
    found = get(server, tmp_path / "item", Answer(status=429, headers={"Retry-After": "61"}))
    assert isinstance(found, Dropped)
    assert (found.status, found.reason, found.remedy, found.kind) == (WAITING, "rate_limited", "time", PASSING)
    assert found.detail.startswith("the host asks to wait for 61 s; ")
    assert len(server.requests) == 1


def test_a_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after_s("0") == 0
    assert retry_after_s("90") == 90
    assert retry_after_s(formatdate(0, usegmt=True)) == 0
    ahead_s = retry_after_s(formatdate(4102444800, usegmt=True))  # the year 2100
    assert ahead_s is not None
    assert ahead_s > 10**9
    for text in (None, "", "soon", "-5 minutes", "9" * 400, "9" * 5000):
        assert retry_after_s(text) is None


def test_what_is_forbidden_in_the_download_is_looked_up_once_more(server: Server, tmp_path: Path) -> None:
    found = get(server, tmp_path / "item", GOOD, Answer(status=403), GOOD)
    assert isinstance(found, Fetched), found
    server.requests.clear()
    assert isinstance(get(server, tmp_path / "other", GOOD, Answer(status=403), GOOD, Answer(status=403)), Dropped)
    assert len(server.requests) == 4


def test_a_download_cut_at_each_of_some_bytes_is_resumed_where_it_was(server: Server, tmp_path: Path) -> None:
    n_bytes = len(server.content)
    for cut in (1, n_bytes // 3, n_bytes - 1):
        server.sent.clear()
        folder = tmp_path / str(cut)
        broken = get(server, folder, GOOD, Answer(cut=cut), Answer(cut=0), retries=0)
        assert isinstance(broken, Dropped), broken
        assert broken.kind == PASSING
        whole = get(server, folder, GOOD, retries=0)
        assert isinstance(whole, Fetched), whole
        assert whole.path.read_bytes() == server.content


def test_a_killed_download_is_resumed_and_hardly_a_byte_comes_twice(server: Server, tmp_path: Path) -> None:
    server.content = (16).to_bytes(4) + b"ftypisom" + bytes(4) + (2_000_008).to_bytes(4) + b"mdat" + bytes(2_000_000)
    n_bytes, cut = len(server.content), 1_500_000
    server.cues[PATH] = [Answer(cut=2000), Answer(cut=cut, hangs=True)]
    arguments = (server.url(PATH), tmp_path / "item", PARAMS, replace(SETTINGS, retries=0))
    process = multiprocessing.get_context("fork").Process(target=fetch, args=arguments)
    process.start()
    assert server.hanging.wait(60)
    part = tmp_path / "item" / "media.mp4.part"
    while not part.exists() or part.stat().st_size < cut // 2:
        time.sleep(0.01)
    process.kill()
    process.join()
    server.hang_up.set()
    n_kept = part.stat().st_size
    server.cues[PATH] = [Answer(cut=2000), Answer()]
    server.sent.clear()
    found = fetch(*arguments)
    assert isinstance(found, Fetched), found
    assert found.path.read_bytes() == server.content
    assert server.ranges[-1] == f"bytes={n_kept}-"
    assert server.sent[PATH] == n_bytes - n_kept + 2000


def test_a_slow_server_is_a_time_out(server: Server, tmp_path: Path) -> None:
    found = fetch(server.url("/slow.mp4"), tmp_path / "item", PARAMS, replace(SETTINGS, retries=0, timeout_s=0.5))
    assert isinstance(found, Dropped)
    assert (found.reason, found.kind) == ("timeout", PASSING)
