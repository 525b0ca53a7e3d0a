"""The README of an export: contents, how it was built, terms, and uses it is not for."""

import pyarrow as pa

from pipeline.core.records.schema import describe
from pipeline.dataset.reader import BuiltDataset, Shape
from pipeline.dataset.table1 import count, render
from pipeline.export.target import Counts

LabelKind = tuple[str, int]
"""Of identity labels: the network, and how many values an embedding has."""

_WHAT = """\
Aligned faces and voice-only log-mels of the same persons, from talking-face video, with identity embeddings of the
faces. Built and exported by facevox.
"""
_USES = """\
## What it is not for

Faces and voices identify a person; under many laws they are biometric data. These are for research on what voices
and faces share. Do not use them

- to find, recognise, watch or profile anybody, or to infer origin, health, belief or character from a face or voice;
- to make a person appear to say or do what they did not, or to pass a generated face or voice off as a person's;
- beyond the terms of each clip, which facevox's own licence does not widen;
- as a fair sample of people: who speaks in published video, and whose face a detector finds, is not.

Ids begin with the dataset and the clip that a face or sound was cut from. When somebody asks to be removed, delete all
that is theirs, and ask those who have copies to do the same.
"""


def render_card(built: BuiltDataset, opening: str, contents: str, shapes: list[Shape], label: LabelKind | None) -> str:
    """Return the README as Markdown: ``opening`` is how to open the export, ``contents`` what it consists of."""
    parts = [
        f"# Faces and voices: {', '.join(built.datasets)}\n",
        _WHAT,
        f"## How to open it\n\n{opening}",
        f"## What is in it\n\n```text\n{render(count(built.identities, built.datasets))}\n```\n",
        contents,
        f"## How it was built\n\n{_how(shapes, label)}",
        f"## Terms\n\n{_terms(built)}",
        _USES,
    ]
    return "\n".join(parts)


def render_counts(counts: Counts) -> str:
    """Return one line a split: ``train: 190 faces, 38 segments``."""
    return "\n".join(
        f"{split}: {', '.join(f'{n:,} {what}' for what, n in of_split.items())}" for split, of_split in counts.items()
    )


def columns_of(record: type) -> str:
    """Return the columns of ``record`` as a Markdown table."""
    rows = [
        f"| `{name}` | {kind}{' or null' if nullable else ''} | {_as_markdown(description)} |"
        for name, kind, nullable, description in describe(record)
    ]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows]) + "\n"


def _how(shapes: list[Shape], label: LabelKind | None) -> str:
    sizes = " or ".join(f"{n_mels}x{n_frames}" for n_mels, n_frames in shapes[:3])
    sizes += " and others" if len(shapes) > 3 else ""
    labels = (
        "none: no face recognition network was available"
        if label is None
        else f"{label[1]} values a face, by `{label[0]}`"
    )
    return f"""\
- **Faces** are aligned so that the eye centres are always at the same places. Random ones are a sample of each clip;
  standard ones are frontal, with eyes open, and lips shut over a window in time.
- **Sound** is 16 kHz mono, cut into segments; a voice activity detector keeps the speech, whose log-mel ({sizes},
  mels x frames) is standardised per mel bin. Frames from `n_valid_frames` on are padding.
- **Labels**: {labels}.
- **Pairs** join every standard face with every segment of the same person in the same dataset.
- **Splits** are by person, by the hash of their name: nobody is in both splits.
"""


def _terms(built: BuiltDataset) -> str:
    columns = ["dataset", "licence", "clip_id"]
    clips = pa.concat_tables(
        table.select(columns).group_by(columns).aggregate([]) for table in (built.faces, built.segments)
    )
    of_each = clips.group_by(columns).aggregate([]).group_by(["dataset", "licence"]).aggregate([([], "count_all")])
    counted = {(row["dataset"], row["licence"]): row["count_all"] for row in of_each.to_pylist()}
    rows = [
        f"| {dataset} | {_as_markdown(licence) or 'not stated'} | {n:,} |"
        for (dataset, licence), n in sorted(counted.items())
    ]
    head = "Each clip keeps the terms under which it was published, as its source states them.\n"
    return "\n".join([head, "| dataset | terms | clips |", "|---|---|---|", *rows]) + "\n"


def _as_markdown(text: str) -> str:
    """Escape ``<`` of a tag, and bars and line ends, which would end a cell."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "&#124;")
