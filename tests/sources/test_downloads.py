"""One address is downloaded once, however many clips are ranges of it, and nothing is left when all have ended."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.cut import PARAMS, SETTINGS, range_of, write_counted
from pipeline.core.base.outcome import WAITING, Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import write_manifest
from pipeline.download.fetch import Fetched
from pipeline.sources.acquire import Acquirer
from pipeline.sources.downloads import DiskQuota, Downloads, clips_of_addresses
from tests.download.test_cut import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
RANGES_S = [(5.0, 6.0), (10.0, 11.0), (14.0, 15.0)]


class Handler(BaseHTTPRequestHandler):
    """Sends the server's content, and counts requests."""

    server: "Server"

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        """Send all of it."""
        self.server.n_requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        try:
            self.wfile.write(self.server.content)
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """One video under any path."""

    daemon_threads = True
    n_requests = 0
    status = 200

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content

    @property
    def url(self) -> str:
        """The video's address."""
        return f"http://127.0.0.1:{self.server_address[1]}/talk.mp4"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_counted(tmp_path_factory.mktemp("counted"), PLAIN, 20.0).path.read_bytes()


@pytest.fixture
def server(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with Server(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@dataclass
class Run:
    """Gets clips as the engine would, each into a folder of its own."""

    root: Path
    acquirer: Acquirer

    def get(self, clip: Clip) -> Media | Dropped:
        folder = self.root / clip.clip_id
        folder.mkdir(parents=True)
        result = self.acquirer(clip, folder)
        return result if isinstance(result, Dropped) else result[0]


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Callable[..., Run]:
    def new(n_clips: int = len(RANGES_S), margin_s: float | None = 2.0) -> Run:
        params = PARAMS.model_copy(update={"cut_margin_s": margin_s})
        n_runs = len(list(tmp_path.glob("run*")))
        downloads = Downloads(tmp_path / "unfinished", "", {server.url: n_clips})
        return Run(tmp_path / f"run{n_runs}", Acquirer(params, SETTINGS, downloads))

    (tmp_path / "unfinished").mkdir()
    return new


def ranges(server: Server) -> list[Clip]:
    return [range_of(server.url, number, *ends) for number, ends in enumerate(RANGES_S)]


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "unfinished").rglob("*") if path.is_file()]


def test_all_ranges_of_an_address_come_from_one_download_and_the_last_one_removes_it(
    server: Server, run: Callable[..., Run], tmp_path: Path
) -> None:
    one, counts = run(), []
    for clip in ranges(server):
        media = one.get(clip)
        assert isinstance(media, Media)
        assert media.cut_start_s is not None
        assert media.fetched_on is not None
        assert ", ffmpeg " in media.tool
        counts.append(server.n_requests)
    assert counts[0] > 0
    assert counts == [counts[0]] * 3
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_a_run_after_a_kill_asks_the_server_for_nothing_that_is_here(
    server: Server, run: Callable[..., Run], tmp_path: Path
) -> None:
    first, second, _ = ranges(server)
    before = run().get(first)
    n_requests = server.n_requests
    again = run()
    assert again.get(first) == before
    assert isinstance(again.get(second), Media)
    assert server.n_requests == n_requests
    again.acquirer._downloads.clear()
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_what_is_not_cut_is_one_file_for_all_its_clips(server: Server, run: Callable[..., Run]) -> None:
    one = run(margin_s=None)
    found = [one.get(clip) for clip in ranges(server)]
    paths = [one.root / clip.clip_id / "media.mp4" for clip in ranges(server)]
    assert [path.read_bytes() == server.content for path in paths] == [True] * 3
    assert {getattr(media, "cut_start_s", 0) for media in found} == {None}
    assert len({path.stat().st_ino for path in paths}) == 1 or paths[0].stat().st_nlink == 1  # a clone is not linked


def test_bytes_that_are_no_video_are_not_kept_for_the_next_clip(
    server: Server, run: Callable[..., Run], tmp_path: Path
) -> None:
    good, server.content = server.content, b"\x00\x00\x00\x18ftypisom" + bytes(20_000)
    bad = run().get(ranges(server)[0])
    assert isinstance(bad, Dropped)
    assert bad.retryable
    assert left(tmp_path) == []
    server.content = good
    assert isinstance(run().get(ranges(server)[0]), Media)


@pytest.mark.parametrize(("status", "reason", "is_asked_again"), [(404, "not_found", False), (500, "network", True)])
def test_an_address_without_media_is_asked_once_in_a_run_unless_another_try_may_end_better(
    status: int, reason: str, is_asked_again: bool, server: Server, run: Callable[..., Run], tmp_path: Path
) -> None:
    server.status = status
    counts = []
    for n_run in range(2):
        one = run()
        one.acquirer._downloads = Downloads(tmp_path / "unfinished", "", {server.url: 3}, tmp_path / f"ends{n_run}")
        found = [one.get(clip) for clip in ranges(server)[:1]]
        n_requests = server.n_requests
        found += [one.get(clip) for clip in ranges(server)[1:]]
        assert [getattr(end, "reason", None) for end in found] == [reason] * 3
        assert found[1:] == found[:1] * 2 or is_asked_again
        assert (server.n_requests > n_requests) == is_asked_again
        counts.append(server.n_requests)
    assert counts[1] == 2 * counts[0]
    assert left(tmp_path) == []


def test_a_clip_waits_while_another_process_fetches_its_address(server: Server, tmp_path: Path) -> None:
    downloads = Downloads(tmp_path, "", {server.url: 2})
    first, second = ranges(server)[:2]
    order: list[str] = []

    def wait() -> None:
        with downloads.of(second) as download:
            order.append("found" if download.done() else "missed")

    with downloads.of(first) as download:
        thread = threading.Thread(target=wait)
        thread.start()
        (download.folder / "media.mp4").write_bytes(b"whole")
        download.put(Fetched(path=download.folder / "media.mp4", tool="test"))
        order.append("fetched")
    thread.join()
    assert order == ["fetched", "found"]


def test_a_file_that_is_not_as_noted_is_not_taken(server: Server, tmp_path: Path) -> None:
    with Downloads(tmp_path, "", {}).of(ranges(server)[0]) as download:
        path = download.folder / "media.mp4"
        path.write_bytes(b"whole")
        fetched = Fetched(path=path, tool="test", format_id="22", uploader="ana", fetched_on="2026-01-02")
        download.put(fetched)
        assert download.done() == fetched
        path.write_bytes(b"who")
        assert download.done() is None
        for damaged in ("{", "[]", "5", '{"size_bytes": 1}'):
            (download.folder / "done.json").write_text(damaged)
            assert download.done() is None


def test_another_height_is_another_download(server: Server, tmp_path: Path) -> None:
    first = ranges(server)[0]
    with Downloads(tmp_path, "720 px", {}).of(first) as one, Downloads(tmp_path, "1080 px", {}).of(first) as other:
        assert one.folder != other.folder


def test_addresses_of_several_clips_are_counted(server: Server, tmp_path: Path) -> None:
    clips = [*ranges(server), range_of("http://x/alone.mp4", 3, None, None)]
    clips += [range_of("mine.mp4", number, 0.0, number) for number in (4, 5)]
    write_manifest(tmp_path / "listed.parquet", Clip, clips)
    assert clips_of_addresses(tmp_path / "listed.parquet") == {server.url: 3}


def test_the_clip_after_the_one_that_reaches_the_quota_waits(
    server: Server, run: Callable[..., Run], tmp_path: Path
) -> None:
    one = run()
    clips = ranges(server)
    one.acquirer.quota = DiskQuota(tmp_path / "bytes", 1)
    first = one.get(clips[0])
    assert isinstance(first, Media)
    end = one.get(clips[1])
    assert isinstance(end, Dropped)
    assert (end.status, end.reason, end.retryable) == (WAITING, "disk_quota", True)
    exact = DiskQuota(tmp_path / "other", first.size_bytes)
    exact.add(first.size_bytes - 1)
    assert exact.reached() is None
    exact.add(1)
    assert exact.reached() is not None


def test_another_margin_fetches_only_what_is_cut_by_it(server: Server) -> None:
    from stages.download import step_of

    whole, cut = replace(ranges(server)[0], start_s=None, end_s=None), ranges(server)[0]
    steps = [step_of(PARAMS.model_copy(update={"cut_margin_s": margin_s})) for margin_s in (2.0, 3.0, None)]
    assert len({step.key(whole) for step in steps}) == 1
    assert len({step.key(cut) for step in steps}) == 3
    local = replace(cut, address="mine.mp4")
    assert len({step.key(local) for step in steps}) == 1
    others = PARAMS.model_copy(update={"max_total_gb": 1.0, "min_kept_share": 0.5, "max_clip_s": 60.0})
    assert step_of(others).key(cut) == steps[0].key(cut)
