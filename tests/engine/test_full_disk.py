"""A run on a disk that gets full keeps what is finished, and goes on when room is made."""

from pathlib import Path

from tests.mounts import in_namespace

# Each item takes three pages of 4 KiB at least: the disk has room for a few of them.
RUN = """
import subprocess, sys
from pathlib import Path

from pipeline.engine.run import run_step
from pipeline.engine.disk_errors import disk_problem
from pipeline.core.storage.items import ItemStore
from tests.engine.steps import settings_for, step_for

cache = Path(sys.argv[1])
store = ItemStore(cache / "items")

def run():
    items = [f"one-{number}" for number in range(20)]
    run_step(step_for(cache.parent), items, settings_for(cache.parent, n_workers=1), title="squares")

try:
    run()
except Exception as error:
    print((disk_problem(error) or repr(error)).partition(". ")[0].rpartition(": ")[2])
finished = sorted(store.keys("square"))
print([fault for key in finished if (fault := store.fault("square", key, check_hashes=True))])
print(len(finished))
for options in ("remount,size=10m", "remount,ro"):
    subprocess.run(["mount", "-o", options, str(cache)], check=True)
    run()
"""


def test_a_full_disk_keeps_what_is_finished_and_a_read_only_one_that_has_all_items_is_enough(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    kind, faults, n_finished, *summaries = in_namespace("mount -t tmpfs -o size=100k none", RUN, cache).splitlines()
    assert kind == "the disk is full"
    assert faults == "[]"
    assert 0 < int(n_finished) < 20
    assert summaries == [
        f"squares: 20 items, {20 - int(n_finished)} computed, {n_finished} from the store: 20 ok",
        "squares: 20 items, 0 computed, 20 from the store: 20 ok",
    ]
