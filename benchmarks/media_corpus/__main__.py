"""Make media files as they are in the wild, each with its truth, run the project on them, and judge how each ended.

    python -m benchmarks.media_corpus [--jobs 2] [--only KIND] [--keep FOLDER]      (make media-corpus)

A line for each file that is wrong, a table by kind, and exit status 1 when any is.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.media_corpus.corpus import all_cases, judged, made_by, table_of
from benchmarks.media_corpus.judging import OK_AND_WRONG, WRONG_CLASS


def main(
    jobs: Annotated[int, typer.Option(help="Files made, and items computed, at once.")] = 2,
    only: Annotated[str, typer.Option(help="Kinds, separated by commas, or parts of names.")] = "",
    keep: Annotated[
        Path | None, typer.Option(help="Keep the files here; those of the same code are used again.")
    ] = None,
) -> None:
    """Print what is wrong and the table by kind; exit status 1 when any file is wrong."""
    cases = [
        case for case in all_cases() if not only or any(part in (case.kind, case.name) for part in only.split(","))
    ]
    if not cases:
        raise typer.BadParameter(f"no file is of kind '{only}'; kinds: {sorted({case.kind for case in all_cases()})}")
    with tempfile.TemporaryDirectory() as scratch:
        verdicts = []
        for verdict in judged(cases, (keep or Path(scratch)) / made_by(), jobs):
            verdicts.append(verdict)
            if verdict.verdict in (WRONG_CLASS, OK_AND_WRONG):
                print(f"{verdict.verdict}: {verdict.case.name}: {'; '.join(verdict.faults)}", flush=True)
    print(table_of(verdicts))
    raise SystemExit(any(verdict.verdict in (WRONG_CLASS, OK_AND_WRONG) for verdict in verdicts))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
