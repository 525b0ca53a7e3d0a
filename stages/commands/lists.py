"""Published lists: their public files, fetched into a folder that a source reads."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The public files of published lists.")


@app.callback()
def _of_lists() -> None:
    """Make this a group of commands, although it has one."""


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="The list: hdtf or faceforensics.")],
    to: Annotated[Path | None, typer.Option(help="The folder; by default data/lists/NAME.")] = None,
) -> None:
    """Fetch the public files of a list, each checked by its sha256, and say how to use them."""
    from pipeline.sources.lists.fetch import fetch_list

    folder = to or Path("data/lists") / name
    published = fetch_list(name, folder)
    print(f"{folder}: {len(published.files)} files. Licence: {published.licence}")
    if published.lacks:
        print(f"not among them: {published.lacks}")
    print(f"facevox profile --set 'datasets=[{name}]' --set 'sources.{name}={{kind: {name}, input: {folder}}}'")
