"""How downloads behave towards a host, over all worker processes: a pause, few at a time, and to leave it alone.

What is known of a host lies in small locked files: its places for downloads and when it may next be asked in a folder
of all runs of this machine, what it refused in a folder of one run. A host that refuses ``MOST_REFUSALS`` videos in a
row (proof of being human, too many requests, a solver that is not here) is left alone for the rest of the run.
"""

import fcntl
import hashlib
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from pipeline.core.base.outcome import PASSING, Dropped
from pipeline.download.endings import BOT_CHECK, NO_SOLVER, RATE_LIMITED
from pipeline.download.remedies import TIME, WHAT_TO_DO
from pipeline.download.settings import FetchSettings, site_of
from pipeline.engine.time_limit import not_counted

MOST_REFUSALS = 3
MAX_BACK_OFF_S = 60.0
_LOOK_EVERY_S = 0.1
_REFUSALS = {
    BOT_CHECK: "asked for proof of being human",
    RATE_LIMITED: "limits requests",
    NO_SOLVER: "needs a solver",
}


def host_of(address: str) -> str | None:
    """Return the name that a site's hosts share, in lower case; None for an address without a host, or for none."""
    try:
        return site_of(urlsplit(address).hostname or "") or None
    except ValueError:
        return None  # as the download says


def back_off_s(first_s: float, n: int) -> float:
    """Return the wait before retry ``n``, from 0: doubled each time, at most a minute, drawn from its upper half.

    Drawn, so that workers that failed together don't try again together.
    """
    longest = min(first_s * 2.0**n, MAX_BACK_OFF_S)
    return longest * random.uniform(0.5, 1)  # noqa: S311  # no secret


@dataclass(frozen=True, slots=True)
class Hosts:
    """The manners of one run; ``of_all`` is the folder of all runs, ``of_run`` that of this one."""

    of_all: Path
    of_run: Path
    settings: FetchSettings

    @contextmanager
    def visit(self, host: str) -> Iterator[Dropped | None]:
        """Wait for a place and for the host's turn, and yield; or yield the drop of a clip of a host left alone.

        The waiting does not count towards the time limit of an item.
        """
        if left_alone := self.left_alone(host):
            yield left_alone
            return
        with self._place(host):
            left_alone = self.left_alone(host)
            if left_alone is None:
                self._wait_for_turn(host)
                left_alone = self.left_alone(host)
            yield left_alone

    def left_alone(self, host: str) -> Dropped | None:
        """Return the drop of a clip of a host that is left alone, and count it."""
        with _state(self.of_run, host) as state:
            if state.get("left_alone_until", 0) <= time.time():
                return None
            state["n_waiting"] = state.get("n_waiting", 0) + 1
            return Dropped.waiting(
                state["reason"],
                f"{host} {_REFUSALS[state['reason']]} and is left alone in this run",
                remedy=state["remedy"],
                remedy_state=state["remedy_state"],
            )

    def note(self, host: str, end: Dropped | None) -> None:
        """Note how a visit ended; None: well."""
        with _state(self.of_run, host) as state:
            if end is None or end.reason not in _REFUSALS:
                if end is None or end.kind != PASSING:  # a broken line says nothing about what the host wants
                    state["n_refused"] = 0
                return
            state["n_refused"] = n_refused = state.get("n_refused", 0) + 1
            if n_refused >= MOST_REFUSALS:
                self._close(state, end, float("inf"))
        if end.reason != NO_SOLVER:
            self.hold(host, back_off_s(self.settings.retry_wait_s, n_refused))

    def hold(self, host: str, wait_s: float) -> None:
        """Let nobody start another video of ``host`` for ``wait_s`` seconds."""
        with _state(self.of_all, host) as state:
            state["free_at"] = max(state.get("free_at", 0), time.time() + wait_s)

    def leave_alone(self, host: str, end: Dropped, seconds: float) -> None:
        """Leave ``host`` alone for as long as it asked for, longer than is waited for."""
        with _state(self.of_run, host) as state:
            self._close(state, end, time.time() + seconds)

    def sentences(self) -> list[str]:
        """Return a sentence for each host that was left alone: why, how many clips wait, what would help."""
        told = []
        for path in sorted(self.of_run.glob("*.json")):
            with path.open(encoding="utf-8") as file:
                state = _read(file)
            if not state.get("n_waiting"):
                continue
            advice = WHAT_TO_DO[state["remedy"]]
            if state["remedy"] == TIME:
                advice += ", with a longer FACEVOX_PAUSE_S, or with FACEVOX_COOKIES of an account"
            told.append(
                f"{state['host']} {_REFUSALS[state['reason']]} and was left alone: {state['n_waiting']} clips wait"
                f" without a request. What would help: {advice}."
            )
        return told

    @staticmethod
    def _close(state: dict[str, Any], end: Dropped, until: float) -> None:
        state["left_alone_until"] = until
        state["reason"], state["remedy"], state["remedy_state"] = end.reason, end.remedy or TIME, end.remedy_state

    @contextmanager
    def _place(self, host: str) -> Iterator[None]:
        """Hold one of the host's places for downloads; the operating system frees those of processes that are gone."""
        paths = [_path(self.of_all, host, f".{n}") for n in range(self.settings.host_downloads)]
        self.of_all.mkdir(parents=True, exist_ok=True)
        while True:
            for path in paths:
                with path.open("w") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        continue
                    yield
                    return
            with not_counted():
                time.sleep(_LOOK_EVERY_S)

    def _wait_for_turn(self, host: str) -> None:
        pause_s = self.settings.pause_s(host)
        longest_s = max(pause_s, self.settings.retry_after_s, MAX_BACK_OFF_S)
        while True:
            with _state(self.of_all, host) as state:
                now = time.time()
                wait_s = state.get("free_at", 0) - now
                if wait_s <= 0 or wait_s > longest_s:  # the latter after the clock was set back
                    state["free_at"] = now + pause_s
                    return
            with not_counted():
                time.sleep(wait_s)


@contextmanager
def _state(folder: Path, host: str) -> Iterator[dict[str, Any]]:
    """Yield what is known of ``host``, which no other process reads meanwhile, and write it back."""
    folder.mkdir(parents=True, exist_ok=True)
    with _path(folder, host, ".json").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        state = _read(file)
        before = dict(state)
        yield state
        if state != before:
            file.seek(0)
            file.truncate()
            json.dump(state | {"host": host}, file)
            file.flush()


def _read(file: TextIO) -> dict[str, Any]:
    try:
        return dict(json.load(file))
    except ValueError:  # new, or cut off by a kill
        return {}


def _path(folder: Path, host: str, ending: str) -> Path:
    return folder / f"{hashlib.sha256(host.encode()).hexdigest()[:16]}{ending}"
