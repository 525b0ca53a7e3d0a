"""The user's cache: how large it is, whether stored results are as they were written, and what no checkout uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.storage.garbage import Garbage, Sizes

app = typer.Typer(no_args_is_help=True, help="Size, integrity and cleaning of the store of results that runs share.")

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@app.command()
def size() -> None:
    """Show the number and bytes of stored results by step, of trainings, weights and unfinished downloads."""
    from pipeline.base.cache import cache_folder
    from pipeline.storage.garbage import sizes_of

    print(cache_folder())
    _print_sizes(sizes_of(cache_folder()))


@app.command()
def verify() -> None:
    """Read all stored results; those that are not as they were written are removed, and computed again by a run."""
    from pipeline.base.cache import cache_folder
    from pipeline.base.progress import progress
    from pipeline.storage.garbage import ITEMS, names_in
    from pipeline.storage.items import ItemStore

    store = ItemStore(cache_folder() / ITEMS)
    steps = names_in(store.root)
    n_items = sum(1 for step in steps for _ in store.keys(step))
    n_damaged = 0
    with progress("verify", n_items) as advance:
        for step, key in ((one, key) for one in steps for key in store.keys(one)):
            if fault := store.fault(step, key, check_hashes=True):
                n_damaged += 1
                store.remove(step, key)
                print(f"{step}: {key} was damaged and is removed: {fault}.")
            advance()
    if n_damaged:
        print(f"{n_damaged:,} of {n_items:,} results were damaged; a run that needs one of them computes it again.")
        raise typer.Exit(1)
    print(f"{n_items:,} results, all as they were written.")


@app.command()
def gc(
    checkouts: Annotated[
        list[Path] | None, typer.Argument(help="Checkouts whose results are kept; by default the current folder.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes/--dry-run", help="Remove, or only show what would be removed.")] = False,
) -> None:
    """Remove the results and trainings that the last runs in these checkouts did not use, and what killed runs left."""
    from pipeline.base.cache import cache_folder
    from pipeline.storage.garbage import collect

    kept = [checkout.resolve() for checkout in checkouts or [Path()]]
    datasets = {checkout: _datasets(checkout) for checkout in kept}

    def is_current(checkout: Path, run: str) -> bool:
        _, of_dataset, dataset = run.partition("@")
        return not of_dataset or dataset in datasets[checkout]

    for checkout in kept:
        _print_kept(checkout, [run for run in _runs_of(checkout) if is_current(checkout, run)])
    _print_others(kept)
    garbage = collect(cache_folder(), kept, is_current, remove=yes)
    _print_garbage(garbage, removed=yes)


def _datasets(checkout: Path) -> list[str]:
    from pipeline.base.layout import Layout
    from pipeline.base.params import read_section

    return list(read_section("datasets", Layout(checkout).params))


def _runs_of(checkout: Path) -> list[str]:
    """Return the names of the runs in ``checkout``; raises BadInput when none is recorded, as all would be removed."""
    from pipeline.base.cache import cache_folder
    from pipeline.base.errors import BadInput
    from pipeline.storage.garbage import ITEMS, TRAININGS
    from pipeline.storage.used_items import runs_in

    runs = sorted({run for name in (ITEMS, TRAININGS) for run in runs_in(cache_folder() / name, checkout)})
    if not runs:
        raise BadInput(
            f"{checkout}: no run here has recorded what it uses in {cache_folder()}, and all that it needs would be "
            "removed: run its stages once first, by 'dvc repro --force'; results that are stored cost seconds."
        )
    return runs


def _print_kept(checkout: Path, runs: list[str]) -> None:
    print(f"Kept: what these runs in {checkout} used: {', '.join(runs)}.")


def _print_others(kept: list[Path]) -> None:
    """Print the checkouts, other than ``kept``, that use the store too."""
    from pipeline.base.cache import cache_folder
    from pipeline.storage.garbage import ITEMS
    from pipeline.storage.used_items import checkouts_of

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
