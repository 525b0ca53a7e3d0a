"""The user's cache: how large it is, whether stored results are as they were written, and what no checkout uses."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.core.storage.garbage import Garbage, Sizes

app = typer.Typer(no_args_is_help=True, help="Size, integrity and cleaning of the store of results that runs share.")

NOT_IN_STORE = "not in the store"  # the fault of an item that has been removed
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@app.command()
def size() -> None:
    """Show the number and bytes of stored results by step, of trainings, weights and unfinished downloads."""
    from pipeline.core.base.cache import cache_folder
    from pipeline.core.storage.garbage import sizes_of

    print(cache_folder())
    _print_sizes(sizes_of(cache_folder()))


@app.command()
def verify() -> None:
    """Read all stored results; those that are not as they were written are removed, and computed again by a run."""
    from pipeline.core.base.cache import cache_folder
    from pipeline.core.base.progress import progress
    from pipeline.core.storage.garbage import ITEMS, names_in
    from pipeline.core.storage.items import ItemStore

    store = ItemStore(cache_folder() / ITEMS)
    steps = names_in(store.root)
    n_items = sum(1 for step in steps for _ in store.keys(step))
    n_damaged = n_gone = 0
    with progress("verify", n_items) as advance:
        for step, key in ((one, key) for one in steps for key in store.keys(one)):
            fault = store.fault(step, key, check_hashes=True)
            if fault == NOT_IN_STORE:  # another process has removed it meanwhile
                n_gone += 1
            elif fault:
                n_damaged += 1
                _remove_damaged(f"{step}: {key}", fault, partial(store.remove, step, key))
            advance()
    n_damaged_states = _remove_damaged_states()
    if n_damaged:
        print(f"{n_damaged:,} of {n_items:,} results were damaged; a run that needs one of them computes it again.")
    if n_damaged or n_damaged_states:
        raise typer.Exit(1)
    print(f"{n_items - n_gone:,} results, all as they were written.")


def _remove_damaged_states() -> int:
    """Remove the states of trainings that are not as they were written; return their number."""
    from pipeline.core.base.cache import cache_folder
    from pipeline.core.storage.garbage import TRAININGS, names_in

    root = cache_folder() / TRAININGS
    if not names_in(root):
        return 0
    from model.training.checkpoint import damaged_states  # loads torch

    paths = list(damaged_states(root))
    for path in paths:
        fault = "its bytes are not those that were written; the training goes on from the state before, or starts anew"
        _remove_damaged(f"{TRAININGS}: {path}", fault, partial(path.unlink, missing_ok=True))
    return len(paths)


def _remove_damaged(what: str, fault: str, remove: Callable[[], None]) -> None:
    """Say what is damaged, before all else, and remove it; say so where it can't be removed."""
    print(f"{what} is damaged and will be removed: {fault}.", flush=True)
    try:
        remove()
    except OSError as error:
        print(f"{what} is damaged ({fault}) and can't be removed: {error.strerror}.", flush=True)


@app.command()
def gc(
    checkouts: Annotated[
        list[Path] | None, typer.Argument(help="Checkouts whose results are kept; by default the current folder.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes/--dry-run", help="Remove, or only show what would be removed.")] = False,
) -> None:
    """Remove the results and trainings that the last runs in these checkouts did not use, and what killed runs left."""
    from pipeline.core.base.cache import cache_folder
    from pipeline.core.storage.garbage import collect

    kept = [checkout.resolve() for checkout in checkouts or [Path()]]
    datasets = {checkout: _datasets(checkout) for checkout in kept}

    def is_current(checkout: Path, run: str) -> bool:
        _, of_dataset, dataset = run.partition("@")
        return not of_dataset or dataset in datasets[checkout]

    for checkout in kept:
        runs = _runs_of(checkout)
        _check_records(checkout, datasets[checkout])
        _print_kept(checkout, [run for run in runs if is_current(checkout, run)])
    _print_others(kept)
    garbage = collect(cache_folder(), kept, is_current, remove=yes)
    _print_garbage(garbage, removed=yes)


def _datasets(checkout: Path) -> list[str]:
    from pipeline.core.base.layout import Layout
    from pipeline.core.base.params import read_section, released_names

    params = Layout(checkout).params
    return [*read_section("datasets", params), *released_names(params)]


def _runs_of(checkout: Path) -> list[str]:
    """Return the names of the runs in ``checkout``; raises BadInput when none is recorded, as all would be removed."""
    from pipeline.core.base.cache import cache_folder
    from pipeline.core.base.errors import BadInput
    from pipeline.core.storage.garbage import ITEMS, TRAININGS
    from pipeline.core.storage.used_items import runs_in

    runs = sorted({run for name in (ITEMS, TRAININGS) for run in runs_in(cache_folder() / name, checkout)})
    if not runs:
        raise BadInput(
            f"{checkout}: no run here has recorded what it uses in {cache_folder()}, and all that it needs would be "
            "removed: run its stages once first, by 'dvc repro --force'; results that are stored cost seconds."
        )
    return runs


def _check_records(checkout: Path, datasets: list[str]) -> None:
    """Raise BadInput where what is recorded of ``checkout`` is not what its results and params.yaml need."""
    from pipeline.core.base.cache import cache_folder
    from pipeline.core.base.errors import BadInput
    from pipeline.core.storage.garbage import outdated_runs, unrecorded_runs

    if runs := unrecorded_runs(cache_folder(), checkout, datasets):
        raise BadInput(
            f"{checkout}: {_quoted(runs)} has not recorded here what it uses in {cache_folder()}, and that would be "
            f"removed: run 'dvc repro --force' or {_commands(runs)} first (finished items cost seconds)."
        )
    if runs := outdated_runs(cache_folder(), checkout, datasets):
        raise BadInput(
            f"{checkout}: params.yaml has changed since {_quoted(runs)} last ran here: run {_commands(runs)} first "
            "(finished items cost seconds)."
        )


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _commands(runs: list[str]) -> str:
    """Return the commands that run 'detect@demo', 'train' and so on."""
    return _quoted(f"python -m stages {run.replace('@', ' ')}" for run in runs)


def _print_kept(checkout: Path, runs: list[str]) -> None:
    print(f"Kept: what these runs in {checkout} used: {', '.join(runs)}.")


def _print_others(kept: list[Path]) -> None:
    """Print the checkouts, other than ``kept``, that use the store too."""
    from pipeline.core.base.cache import cache_folder
    from pipeline.core.storage.garbage import ITEMS
    from pipeline.core.storage.used_items import checkouts_of

    others = [path for path in checkouts_of(cache_folder() / ITEMS) if path not in kept and path.is_dir()]
    if others:
        named = ", ".join(map(str, others))
        print(f"Not kept, unless you name these checkouts too: what only they use: {named}.")


def _print_garbage(garbage: "Garbage", *, removed: bool) -> None:
    for part in garbage.in_use:
        print(f"{part.folder} of {part.name}: left as they are, because a running process uses them.")
    if not garbage.sizes.n:
        print("Nothing is unused.")
        return
    print("Removed:" if removed else "Unused:")
    _print_sizes(garbage.sizes)
    if not removed:
        print("Nothing is removed yet: 'facevox store gc --yes', with the same checkouts, removes this.")


def _print_sizes(sizes: "Sizes") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("folder", "of"):
        table.add_column(heading)
    for heading in ("number", "size"):
        table.add_column(heading, justify="right")
    for part in sorted(sizes.n):
        table.add_row(part.folder, part.name, f"{sizes.n[part]:,}", _text(sizes.size_bytes[part]))
    table.add_row("all", "", f"{sizes.n.total():,}", _text(sizes.size_bytes.total()))
    Console(markup=False, highlight=False).print(table)


def _text(n_bytes: int) -> str:
    """Return 1234567 as 1.2 MB."""
    value, unit = float(n_bytes), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.{min(unit, 1)}f} {_UNITS[unit]}"
