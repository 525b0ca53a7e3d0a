"""Table 1 of a run beside the paper's, and what explains the differences: how items ended, by counts.

The paper's rows are of its three datasets, known by the kinds of their sources. Its total of standard faces, 9,114, is
not the sum of its columns, which is 9,117; all others are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pyarrow.compute as pc

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import OK
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.person import TEST, TRAIN, Person
from pipeline.core.storage.ledger import StageCounts, count_ends
from pipeline.core.storage.manifest import iterate_manifest, iterate_tables
from pipeline.dataset.table1 import Counts, aligned, totals

ROWS = ("identities", "faces", "standard faces", "audio segments")
PAPER: Counts = {
    "voxceleb_id": {
        TRAIN: dict(zip(ROWS, (763, 5697, 5697, 14364), strict=True)),
        TEST: dict(zip(ROWS, (190, 1383, 1383, 3563), strict=True)),
    },
    "faceforensics": {
        TRAIN: dict(zip(ROWS, (611, 6110, 1107, 1814), strict=True)),
        TEST: dict(zip(ROWS, (150, 1500, 231, 429), strict=True)),
    },
    "hdtf": {
        TRAIN: dict(zip(ROWS, (287, 2870, 556, 9992), strict=True)),
        TEST: dict(zip(ROWS, (71, 710, 143, 2253), strict=True)),
    },
}
"""The paper's Table 1, by kind of source."""
PRINTED_TOTALS = dict(zip(ROWS, (2072, 18270, 9114, 32415), strict=True))
ONE_PERSON_A_VIDEO = ("faceforensics", "hdtf")
"""The kinds whose videos the paper counts as identities."""

_STAGES = {
    "sources": "rows of the lists not used",
    "download": "clips without media",
    "detect": "clips without a face that can be followed",
    "crop": "clips without a crop",
    "audio": "clips without sound",
}
"""What an item is that a stage dropped."""


def beside_paper(counts: Counts, kinds: Mapping[str, str]) -> str:
    """Return each number of the run with the paper's behind a stroke; empty where no dataset is one of the paper's.

    ``kinds``: of each dataset the kind of its source. The totals are those of the datasets shown.
    """
    shown = {name: PAPER[kinds[name]] for name in counts if kinds.get(name) in PAPER}
    if not shown:
        return ""
    of_run, of_paper = totals({name: counts[name] for name in shown}), totals(shown)
    is_whole = sorted(kinds[name] for name in shown) == sorted(PAPER)
    table = [
        ["", *(text for name in shown for text in (name, "")), ""],
        ["", *(split for _ in shown for split in (TRAIN, TEST)), "total"],
    ]
    for row in ROWS:
        cells = [_pair(counts[name][split][row], shown[name][split][row]) for name in shown for split in (TRAIN, TEST)]
        printed = PRINTED_TOTALS[row]
        note = f" (printed {printed:,})" if is_whole and printed != of_paper[row] else ""
        table.append([row, *cells, _pair(of_run[row], of_paper[row]) + note])
    return aligned(table)


def explain(at: Layout, kinds: Mapping[str, str]) -> list[str]:
    """Return for each dataset of the paper, in sentences, what its list has and what was left out or merged."""
    names = [name for name, kind in kinds.items() if kind in PAPER]
    if not names:
        return []
    of_stage = {(one.dataset, one.stage): one for one in count_ends(at.ledgers) if not one.cut}
    persons = list(iterate_manifest(at.persons, Person)) if at.persons.is_file() else []
    dropped = _dropped_persons(at, names)
    lines = []
    for name in names:
        parts = [*_ends(name, of_stage), *_persons(name, persons), *_left_out(dropped[name])]
        if kinds[name] in ONE_PERSON_A_VIDEO:
            parts.append("the paper counts each video as an identity, here a person is one in all videos")
        lines.append(f"{name}: {'; '.join(parts)}.")
    return lines


def _pair(of_run: int, of_paper: int) -> str:
    return f"{of_run:,} / {of_paper:,}"


def _ends(name: str, of_stage: Mapping[tuple[str, str], StageCounts]) -> Iterator[str]:
    listed = of_stage.get((name, "sources"))
    if listed is not None:
        yield f"clips listed: {listed.n_ok:,}"
    for stage, what in _STAGES.items():
        ends = of_stage[name, stage].ends if (name, stage) in of_stage else Counter[str]()
        reasons = [(end, n) for end, n in ends.most_common() if end != OK]
        if reasons:
            n_dropped = sum(n for _, n in reasons)
            yield f"{what}: {n_dropped:,} ({_counted(reasons)})"


def _persons(name: str, persons: Iterable[Person]) -> Iterator[str]:
    """Say how many identities became how many persons, and how many of these the other datasets have too."""
    here: dict[str, set[str]] = {}
    elsewhere: set[str] = set()
    for one in persons:
        if one.dataset == name:
            here.setdefault(one.person_id, set()).add(one.identity)
        else:
            elsewhere.add(one.person_id)
    if here:
        identities = {identity for found in here.values() for identity in found}
        n_shared = len(here.keys() & elsewhere)
        merged = f", {n_shared:,} of them in other datasets too" if n_shared else ""
        yield f"identities with media: {len(identities):,}, persons: {len(here):,}{merged}"


def _left_out(reasons: Counter[str]) -> Iterator[str]:
    if reasons:
        yield f"persons left out: {reasons.total():,} ({_counted(reasons.most_common())})"


def _dropped_persons(at: Layout, names: Iterable[str]) -> dict[str, Counter[str]]:
    """Return why persons of each dataset were left out; the ledger of ``dataset`` has segments too."""
    found = {name: Counter[str]() for name in names}
    if not at.ledger("dataset").is_file():
        return found
    of_persons = pc.field("reason").isin(["no_face", "no_standard_face", "no_own_voice", "no_sound"])
    for table in iterate_tables(at.ledger("dataset"), LedgerRow, ["item_id", "reason"]):
        for row in table.filter(of_persons).to_pylist():
            name = row["item_id"].partition("/")[0]
            if name in found:
                found[name][row["reason"]] += 1
    return found


def _counted(reasons: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{n:,} {reason.partition(': ')[2] or reason}".replace("_", " ") for reason, n in reasons)
