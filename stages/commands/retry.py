"""Remove stored ends of one class, so that the next run tries those items again."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipeline.core.base.cache import cache_folder
from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.storage.garbage import ITEMS, names_in
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.used_items import runs_in, used_keys


def remove_ends(reason: str, dataset: str | None, at: Layout = Layout()) -> str:
    """Remove the ends of class ``reason`` that the last runs in this checkout met, of one dataset or all.

    Return how many there were, by run, and how to try those items again. Raises BadInput, with the classes that there
    are, where there is none.
    """
    store = ItemStore(cache_folder() / ITEMS)
    removed: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for run, step, key, end in _ends(store, dataset, at):
        if end.reason == reason:
            store.remove(step, key)
            removed[run] += 1
        else:
            others[end.reason] += 1
    if not removed:
        found = ", ".join(f"{name} ({n:,})" for name, n in others.most_common()) or "none"
        where = f" of dataset '{dataset}'" if dataset else ""
        raise BadInput(f"no stored end{where} has the class '{reason}'; the classes stored are: {found}.")
    lines = [f"{run}: {n:,} items ended as {reason}, and will be tried again" for run, n in sorted(removed.items())]
    return "\n".join([*lines, f"Run: dvc repro -f -s {' '.join(sorted(removed))} && dvc repro"])


def _is_run(run: str, _: Path, other: str) -> bool:
    return run == other


def _ends(store: ItemStore, dataset: str | None, at: Layout) -> Iterator[tuple[str, str, str, Dropped]]:
    """Yield run, step, key and drop of each stored end that the last runs in this checkout met."""
    runs = [run for run in runs_in(store.root, at.root) if dataset in (None, run.partition("@")[2])]
    for step in names_in(store.root):
        for run in runs:
            for key in sorted(used_keys(store.root, step, [at.root], partial(_is_run, run))):
                end = None if store.fault(step, key) else store.dropped(step, key)
                if end is not None:
                    yield run, step, key, end
