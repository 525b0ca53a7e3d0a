"""Manners towards a host, over all worker processes: a pause, few at a time, and three refusals close it for a run."""

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import MENDABLE, PASSING, WAITING, Dropped
from pipeline.download import manners
from pipeline.download.fetch import Fetched, fetch
from pipeline.download.manners import MAX_BACK_OFF_S, Hosts, back_off_s, host_of
from pipeline.download.settings import FetchSettings, read_fetch_settings
from tests.download.conftest import Answer, Server
from tests.download.test_fetch import PARAMS, SETTINGS

# yt-dlp leaves it to the garbage collector to close connections that it gives up.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

HOST, OTHER = "127.0.0.1", "127.0.0.2"
BOT = Dropped.failed("bot_check", "prove it", retryable=True)
SOLVER = Dropped.waiting("solver", "n challenge", remedy="solver", remedy_state="f1")
NETWORK = Dropped.failed("network", "reset", retryable=True)
PRIVATE = Dropped.waiting("private", "sign in", remedy="cookies", remedy_state="c1")
NO_WAIT = replace(SETTINGS, retries=0)
CAPTCHA = Answer(status=412)


def hosts_in(folder: Path, settings: FetchSettings = NO_WAIT, run: str = "run") -> Hosts:
    return Hosts(folder / "all", folder / run, settings)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://www.youtube.com/watch?v=x", "youtube.com"),
        ("https://m.youtube.com/watch?v=x", "youtube.com"),
        ("https://youtu.be/x", "youtube.com"),
        ("https://music.youtube.com/watch?v=x", "youtube.com"),
        ("http://User:secret@Files.Example.org:8080/a.mp4", "files.example.org"),
        ("file:///a.mp4", None),
        ("http://[not-an-address/a.mp4", None),
    ],
)
def test_one_site_is_one_host(address: str, host: str | None) -> None:
    assert host_of(address) == host


def test_a_host_that_refuses_three_in_a_row_is_left_alone(tmp_path: Path) -> None:
    hosts = hosts_in(tmp_path)
    for end in (BOT, BOT, None, BOT, BOT, NETWORK):
        hosts.note(HOST, end)
        assert hosts.left_alone(HOST) is None
    hosts.note(HOST, BOT)
    left = hosts.left_alone(HOST)
    assert left is not None
    assert (left.status, left.reason, left.remedy, left.kind) == (WAITING, "bot_check", "time", PASSING)
    assert hosts.left_alone(OTHER) is None
    assert hosts_in(tmp_path, run="next").left_alone(HOST) is None


def test_a_proper_answer_ends_the_row_and_a_broken_line_does_not(tmp_path: Path) -> None:
    for between, is_left in ((PRIVATE, False), (NETWORK, True)):
        hosts = hosts_in(tmp_path, run=between.reason)
        for end in (BOT, BOT, between, BOT):
            hosts.note(HOST, end)
        assert (hosts.left_alone(HOST) is not None) == is_left


def test_clips_of_a_host_that_needs_a_solver_wait_for_the_solver(tmp_path: Path) -> None:
    hosts = hosts_in(tmp_path)
    for _ in range(3):
        hosts.note(HOST, SOLVER)
    left = hosts.left_alone(HOST)
    assert left is not None
    assert (left.reason, left.remedy, left.kind, left.remedy_state) == ("solver", "solver", MENDABLE, "f1")
    (sentence,) = hosts.sentences()
    assert sentence.startswith("127.0.0.1 needs a solver and was left alone: 1 clips wait without a request. ")
    assert "[deno]" in sentence


def test_after_three_bot_checks_a_host_gets_no_more_requests_and_others_go_on(server: Server, tmp_path: Path) -> None:
    server.cues["/human.mp4"] = [CAPTCHA]
    hosts = hosts_in(tmp_path)
    ends = []
    for n in range(6):
        ends.append(fetch(server.url("/human.mp4"), tmp_path / f"a{n}", PARAMS, NO_WAIT, hosts))
        good = fetch(server.url("/talk.mp4", "localhost"), tmp_path / f"b{n}", PARAMS, NO_WAIT, hosts)
        assert isinstance(good, Fetched), good
    told = [(end.status, end.reason) for end in ends if isinstance(end, Dropped)]
    assert told == [("failed", "bot_check")] * 3 + [(WAITING, "bot_check")] * 3
    assert server.requests.count("/human.mp4") == 3
    (sentence,) = hosts.sentences()
    assert sentence.startswith("127.0.0.1 asked for proof of being human and was left alone: 3 clips wait without a")
    again = fetch(server.url("/human.mp4"), tmp_path / "c", PARAMS, NO_WAIT, hosts_in(tmp_path, run="next"))
    assert isinstance(again, Dropped)
    assert (again.status, server.requests.count("/human.mp4")) == ("failed", 4)


def test_a_wait_that_is_too_long_leaves_the_host_alone_until_it_is_over(server: Server, tmp_path: Path) -> None:
    server.cues["/busy.mp4"] = [Answer(status=429, headers={"Retry-After": "3600"})]
    hosts = hosts_in(tmp_path)
    for n in range(3):
        end = fetch(server.url("/busy.mp4"), tmp_path / str(n), PARAMS, NO_WAIT, hosts)
        assert isinstance(end, Dropped)
        assert (end.status, end.reason, end.remedy) == (WAITING, "rate_limited", "time")
    assert len(server.requests) == 1
    (state,) = (tmp_path / "run").glob("*.json")
    state.write_text(state.read_text().replace('"left_alone_until": 1', '"left_alone_until": 0.1'))
    assert hosts.left_alone(HOST) is None


def test_starts_are_a_pause_apart_whoever_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [1_000_000.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(manners, "time", SimpleNamespace(time=lambda: now[0], sleep=sleep))
    settings = replace(NO_WAIT, pauses_s={"": 5.0, OTHER: 0.0})
    starts = []
    for run in ("run", "another run", "run"):
        hosts = hosts_in(tmp_path, settings, run)
        with hosts.visit(HOST), hosts.visit(OTHER):
            starts.append(now[0])
    assert starts == [1_000_000, 1_000_005, 1_000_010]
    hosts.hold(HOST, 30)
    now[0] -= 5000  # the clock is set back: nobody waits for hours
    with hosts.visit(HOST):
        assert sum(slept) == 10


def visit(hosts: Hosts, log: Path) -> None:
    with hosts.visit(HOST):
        with log.open("a") as file:
            file.write("+")
        time.sleep(0.2)
        with log.open("a") as file:
            file.write("-")


def test_no_more_than_so_many_downloads_of_a_host_at_a_time_over_processes(tmp_path: Path) -> None:
    hosts, log = hosts_in(tmp_path, replace(NO_WAIT, host_downloads=2)), tmp_path / "log"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=visit, args=(hosts, log)) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    at_once = [log.read_text()[: n + 1].count("+") - log.read_text()[: n + 1].count("-") for n in range(10)]
    assert max(at_once) <= 2
    assert at_once[-1] == 0


def test_a_killed_process_frees_its_place(tmp_path: Path) -> None:
    hosts = hosts_in(tmp_path, replace(NO_WAIT, host_downloads=1))
    context = multiprocessing.get_context("fork")
    started = context.Event()

    def hold() -> None:
        with hosts.visit(HOST):
            started.set()
            time.sleep(600)

    worker = context.Process(target=hold)
    worker.start()
    assert started.wait(60)
    worker.kill()
    worker.join()
    with hosts.visit(HOST) as left_alone:
        assert left_alone is None


@pytest.mark.parametrize(
    ("text", "youtube_s", "other_s"),
    [("", 12, 5), ("3", 3, 3), ("0", 0, 0), ("youtube.com=20", 20, 5), ("Files.example.org=0", 12, 0)]
    + [
        ("2, youtube.com=30", 30, 2),
        ("youtube.com=30,2", 30, 2),
        ("www.youtube.com=20", 20, 5),
        ("youtu.be=20", 20, 5),
    ],
)
def test_a_pause_is_set_for_all_hosts_or_for_one(
    text: str, youtube_s: float, other_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVOX_PAUSE_S", text)
    settings = read_fetch_settings()
    assert (settings.pause_s("youtube.com"), settings.pause_s("files.example.org")) == (youtube_s, other_s)


@pytest.mark.parametrize("text", ["-1", "soon", "youtube.com", "youtube.com=", "youtube.com=inf"])
def test_a_pause_that_is_none_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_PAUSE_S", text)
    with pytest.raises(BadInput, match=f"FACEVOX_PAUSE_S='{text}': expected seconds"):
        read_fetch_settings()


def test_the_wait_before_a_retry_doubles_and_differs() -> None:
    assert all(0.5 <= back_off_s(1, 0) <= 1 and 4 <= back_off_s(1, 3) <= 8 for _ in range(20))
    assert len({back_off_s(1, 3) for _ in range(20)}) > 1
    assert MAX_BACK_OFF_S / 2 <= back_off_s(1, 1000) <= MAX_BACK_OFF_S
    assert back_off_s(0, 5) == 0


def test_a_state_that_was_cut_off_by_a_kill_is_a_new_one(tmp_path: Path) -> None:
    hosts = hosts_in(tmp_path)
    hosts.note(HOST, BOT)
    (state,) = (tmp_path / "run").glob("*.json")
    state.write_text(state.read_text()[:5])
    assert hosts.left_alone(HOST) is None
    assert hosts.sentences() == []
