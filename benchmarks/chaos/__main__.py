"""Kill a run again and again, within writes and between them, and compare it with an unbroken one.

    python -m benchmarks.chaos                    30 kills; KILLS=100 for more, SEED=2 for other ones

A copy of this checkout with three short clips runs all data stages and two trainings by ``facevox repro``: once
unbroken, then killed (SIGKILL) and started again until it ends, from nothing each time it has ended, until there were
so many kills. Every manifest, shard, trained network and stored item must have the bytes of the unbroken run; no
finished item may be computed again, and each training must go on after its last checkpoint; DVC must work after each
kill; and no process may outlive its run. A line a kill says where it fell. The exit code is 1 when anything differs.
"""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.points import TIME, Point, draw_point
from benchmarks.chaos.results import (
    checkpoint_steps,
    differences,
    hashes,
    item_inodes,
    left_unfinished,
    recomputed,
    steps_repeated,
)
from benchmarks.chaos.run import Checkout, Killed

CUT_OFF, LEFT = "cut off by a kill", "names only processes that have ended"
MIN_SHARE_IN_WRITES = 0.2
END_OF_OUTPUT = 3000


@dataclass(frozen=True, slots=True)
class Unbroken:
    """What an unbroken run wrote, how many moments of each kind it had, and its seconds."""

    hashes: Mapping[str, str]
    counts: Mapping[str, int]
    seconds: float


@dataclass(slots=True)
class Tally:
    """The kills so far, and what went wrong."""

    kinds: Counter[str] = field(default_factory=Counter)
    n_rounds: int = 0
    n_mended: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def n_kills(self) -> int:
        """How often a run was killed."""
        return self.kinds.total()


def run_unbroken(checkout: Checkout) -> Unbroken:
    """Run from nothing to the end."""
    start_s = time.monotonic()
    done = checkout.run(None)
    if done.exit_code:
        raise SystemExit(f"{done.output}\nthe unbroken run failed: there is nothing to compare with")
    seconds = time.monotonic() - start_s
    return Unbroken(hashes(checkout.root, checkout.store), checkout.counts(), seconds)


def kill_until_it_ends(checkout: Checkout, unbroken: Unbroken, tally: Tally, rng: random.Random, n_kills: int) -> None:
    """Start from nothing, kill and start again until a run ends by itself; kill no more after ``n_kills`` in all."""
    checkout.clean()
    items: dict[str, int] = {}
    run: Killed | None = None
    while run is None or run.at:
        steps = checkpoint_steps(checkout.store)
        point = draw_point(rng, unbroken.counts, unbroken.seconds) if tally.n_kills < n_kills else None
        run = checkout.run(point)
        wrong = [f"item {key} was computed again" for key in recomputed(items, item_inodes(checkout.store))]
        wrong += steps_repeated(run.output, steps)
        wrong += [f"still running: {line}" for line in run.left_running]
        if not run.at:
            tally.n_rounds += 1
            wrong += differences(unbroken.hashes, hashes(checkout.root, checkout.store))
            wrong += left_unfinished(checkout.store, checkout.root / "data", checkout.root / "manifests")
            wrong += [f"exit code {run.exit_code}:\n{run.output[-END_OF_OUTPUT:]}"] if run.exit_code else []
        elif point:
            tally.kinds[point.kind] += 1
        items = item_inodes(checkout.store)
        tally.n_mended += run.output.count(CUT_OFF)
        tally.wrong += wrong
        print(_line(tally.n_kills, point, run, wrong), flush=True)
        for one in wrong:
            print(f"    {one}", flush=True)


def _line(number: int, point: Point | None, run: Killed, wrong: list[str]) -> str:
    """Return a line of the table; what was mended is what the kill before had left."""
    mended = "mended" if CUT_OFF in run.output else "freed" if LEFT in run.output else ""
    verdict = "WRONG" if wrong else "ok"
    if not run.at or not point:
        return f"{'':>4} {'ended by itself':<37} {'':<26} {mended:<7} {verdict}"
    place = f"{Path(run.at['path']).name[-44:]} {run.at['moment']}".strip()
    return f"{number:>4} {point!s:<14} {point.victim:<22} {run.running:<26} {mended:<7} {verdict:<6} {place}"


def main() -> None:
    """Print a line a kill and a summary."""
    n_kills, seed = int(os.environ.get("KILLS") or 30), int(os.environ.get("SEED") or 1)
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        checkout = Checkout(Path(folder))
        unbroken = run_unbroken(checkout)
        print(
            f"an unbroken run: {unbroken.seconds:.0f} s, {len(unbroken.hashes)} files; moments: {dict(unbroken.counts)}"
        )
        print(
            f"{'kill':>4} {'point':<14} {'killed':<22} {'running':<26} {'DVC':<7} {'':<6} file that was being written"
        )
        tally, rng = Tally(), random.Random(seed)  # noqa: S311  # no secret
        while tally.n_kills < n_kills:
            kill_until_it_ends(checkout, unbroken, tally, rng, n_kills)
        checkout.clean()
    share = 1 - tally.kinds[TIME] / tally.n_kills
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(tally.kinds.items()))
    print(
        f"{tally.n_kills} kills ({kinds}: {share:.0%} within writes), seed {seed}; {tally.n_rounds} runs to the end;"
        f" files of DVC cut off and mended: {tally.n_mended}; {len(tally.wrong)} differences;"
        f" {time.monotonic() - start_s:.0f} s"
    )
    if share < MIN_SHARE_IN_WRITES:
        tally.wrong.append(f"only {share:.0%} of the kills fell within writes")
    sys.exit(1 if tally.wrong else 0)


if __name__ == "__main__":
    main()
