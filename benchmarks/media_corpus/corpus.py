"""All files of the corpus: made side by side, run through the project at once, judged one by one."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.media_corpus.judging import VERDICTS, Verdict, judge
from benchmarks.media_corpus.kinds import (
    aspects,
    broken,
    colours,
    containers,
    fields,
    gaps,
    matrices,
    mixed,
    ranges,
    sound,
    stamps,
    starts,
    streams,
)
from benchmarks.media_corpus.project import Ended, read_ends, run_project
from benchmarks.media_corpus.truth import Case
from benchmarks.media_corpus.workshop import Workshop
from pipeline.core.records.clip import clip_name
from pipeline.synthetic import clip as synthetic

KINDS = (
    *(matrices.matrices, aspects.aspects, fields.fields, colours.codings, colours.high_dynamic_range),
    *(stamps.bad_stamps, stamps.joined, starts.starts, starts.offsets, gaps.gaps, gaps.rates),
    *(sound.formats, sound.channels, streams.tracks, streams.pictures, streams.others),
    *(containers.containers, ranges.ranges, broken.broken, mixed.mixed),
)


def made_by() -> str:
    """Return a hash of the code that makes the files: what an earlier one has made is not used again."""
    folders = (Path(__file__).parent, Path(synthetic.__file__).parent)
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def all_cases() -> list[Case]:
    """Return every case; names differ."""
    cases = [case for kind in KINDS for case in kind()]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), [name for name, n in Counter(names).items() if n > 1]
    return cases


def make_files(cases: Sequence[Case], shop: Workshop, jobs: int) -> dict[str, Path]:
    """Make the files that the workshop does not have yet; return them by the case's name."""
    folder = shop.folder / "files"
    folder.mkdir(parents=True, exist_ok=True)

    def make(case: Case) -> tuple[str, Path]:
        path = folder / f"{clip_name(case.name)}.{case.suffix}"
        if not path.exists():
            making = folder / f"making-{path.name}"
            case.make(shop, making)
            making.rename(path)
        return case.name, path

    with ThreadPoolExecutor(jobs) as pool:
        return dict(pool.map(make, cases))


def ends_of(cases: Sequence[Case], folder: Path, jobs: int) -> Iterator[tuple[Case, Ended]]:
    """Make the files of ``cases`` in ``folder``, run the project on them, and yield how each ended."""
    files = make_files(cases, Workshop(folder), jobs)
    shutil.rmtree(folder / "checkout", ignore_errors=True)
    yield from read_ends(cases, run_project(cases, files, folder, jobs))


def judged(cases: Sequence[Case], folder: Path, jobs: int) -> Iterator[Verdict]:
    """Yield the verdict on each of ``cases``, made in ``folder``."""
    shop = Workshop(folder)
    for case, ended in ends_of(cases, folder, jobs):
        yield judge(case, ended, shop)


def table_of(verdicts: Sequence[Verdict]) -> str:
    """Return how many files of each kind ended how."""
    counts = Counter((verdict.case.kind, verdict.verdict) for verdict in verdicts)
    kinds = list(dict.fromkeys(verdict.case.kind for verdict in verdicts))
    lines = [f"{'kind':<14}{'files':>7}" + "".join(f"{name:>15}" for name in VERDICTS)]
    for kind in [*kinds, "all"]:
        row = [
            sum(n for (one, name), n in counts.items() if kind in (one, "all") and name == verdict)
            for verdict in VERDICTS
        ]
        lines.append(f"{kind:<14}{sum(row):>7}" + "".join(f"{n:>15}" for n in row))
    return "\n".join(lines)
