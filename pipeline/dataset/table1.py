"""Table 1 of the paper, for this run: identities, faces, standard faces and segments, by dataset and split."""

from collections.abc import Callable, Iterable

from pipeline.core.records.dataset import Identity
from pipeline.core.records.person import TEST, TRAIN

_ROWS: dict[str, Callable[[Identity], int]] = {
    "identities": lambda identity: 1,
    "faces": lambda identity: identity.n_faces,
    "standard faces": lambda identity: identity.n_standard_faces,
    "audio segments": lambda identity: identity.n_segments,
}
_SPLITS = (TRAIN, TEST)

Counts = dict[str, dict[str, dict[str, int]]]
"""counts[dataset][split][row name]; every listed dataset has both splits and every row."""


def count(identities: Iterable[Identity], datasets: Iterable[str]) -> Counts:
    """Return the numbers of Table 1 for ``datasets``, zeros included."""
    counts = {name: {split: dict.fromkeys(_ROWS, 0) for split in _SPLITS} for name in datasets}
    for identity in identities:
        cell = counts[identity.dataset][identity.split]
        for row, of in _ROWS.items():
            cell[row] += of(identity)
    return counts


def totals(counts: Counts) -> dict[str, int]:
    """Return each row's sum over datasets and splits."""
    return {row: sum(cell[row] for splits in counts.values() for cell in splits.values()) for row in _ROWS}


def render(counts: Counts) -> str:
    """Return the table as text, laid out as in the paper: two columns a dataset, and the total."""
    head_1 = ["", *(text for name in counts for text in (name, "")), ""]
    head_2 = ["", *(split for _ in counts for split in _SPLITS), "total"]
    total = totals(counts)
    body = [
        [row, *(f"{counts[name][split][row]:,}" for name in counts for split in _SPLITS), f"{total[row]:,}"]
        for row in _ROWS
    ]
    return aligned([head_1, head_2, *body])


def aligned(rows: list[list[str]]) -> str:
    """Return rows of cells as text: the first column is of names, the others are of numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
