"""Export the built dataset for training elsewhere."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.dataset.reader import BuiltDataset

_BYTES_PER_MB = 10**6

app = typer.Typer(no_args_is_help=True, help="Export the built dataset for training elsewhere.")


class Split(StrEnum):
    """Values of --split."""

    TRAIN = "train"
    TEST = "test"


class Pictures(StrEnum):
    """Values of --pictures."""

    JPG = "jpg"
    PNG = "png"


To = Annotated[Path, typer.Option(help="The folder to create; it is written whole or not at all.")]
OneSplit = Annotated[Split | None, typer.Option(help="Only this split; both by default.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier export; nothing else is ever replaced.")]


@app.command()
def huggingface(to: To, split: OneSplit = None, force: Force = False) -> None:
    """Parquet and a dataset card that datasets.load_dataset opens: configs pairs, faces and audio."""
    from pipeline.export.huggingface import export_huggingface

    _print_counts(to, export_huggingface(_open(split), to, force=force))


@app.command()
def webdataset(
    to: To,
    split: OneSplit = None,
    shard_mb: Annotated[int, typer.Option(min=1, help="Largest size of a tar file, 10^6 bytes.")] = 500,
    pairs_per_person: Annotated[
        int | None, typer.Option(min=1, help="Most samples of a person in a dataset; all by default.")
    ] = None,
    force: Force = False,
) -> None:
    """Tar files with one sample per pair: face, log-mel, label, metadata."""
    from pipeline.export.webdataset import export_webdataset

    counts = export_webdataset(
        _open(split), to, shard_bytes=shard_mb * _BYTES_PER_MB, pairs_per_person=pairs_per_person, force=force
    )
    _print_counts(to, counts)


@app.command()
def folder(
    to: To,
    split: OneSplit = None,
    pictures: Annotated[
        Pictures, typer.Option(help="The released code reads jpg only; png is lossless.")
    ] = Pictures.JPG,
    all_faces: Annotated[bool, typer.Option("--all", help="All faces, not only the standard ones.")] = False,
    force: Force = False,
) -> None:
    """One file per item, as the paper's released code reads them: Images, Audios and IDFeat by split and person."""
    from pipeline.export.folder import export_folder

    _print_counts(to, export_folder(_open(split), to, pictures=pictures.value, all_faces=all_faces, force=force))


def _open(split: Split | None) -> "BuiltDataset":
    from pipeline.core.base.layout import Layout
    from pipeline.dataset.reader import open_dataset

    return open_dataset(Layout(), split)


def _print_counts(to: Path, counts: dict[str, dict[str, int]]) -> None:
    from pipeline.export.card import render_counts

    print(f"{to}:\n{render_counts(counts)}")
