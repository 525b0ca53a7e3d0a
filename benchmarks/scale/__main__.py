"""Measure every stage on generated manifests of many clips: peak memory, seconds, and whether memory grows.

    python -m benchmarks.scale [--clips 20000 100000] [--keep FOLDER] [--stages crop dataset]

Run as ``make scale``. For each size a checkout is made that lists as many clips, 20 of each person, and one with the
files of a dataset of as many clips that was released built. Stages that compute items find them in the item store, made
up (150 frames, 15 faces, one or two segments a clip), under the keys they ask for: measured is what a stage does around
its step, which must not grow with the dataset, in a fresh process. Trainings and the evaluation are left out, but for
the files that a training makes of the dataset; these are measured with small caps on a person's faces and segments, so
that they fit on the disk, all else with the caps of params.yaml.

Exits with 1 when the peak memory of a stage is above 1 GiB, or grows by more than a fifth from the smallest to the
largest size. ``--keep`` keeps the checkouts; a second run there measures ``--stages`` alone, and makes up what is
missing. 100,000 clips take up to 15 GB of the disk of ``FOLDER`` or else of TMPDIR.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from benchmarks.scale.checkout import SMALL_CAPS, make_checkout, make_released_checkout, set_params
from benchmarks.scale.measure import Usage, run
from benchmarks.scale.names import CACHE, CLIPS_PER_PERSON, DATASET, RELEASED, clip_name

SIZES = (20_000, 100_000)
EXTRAPOLATED = 1_000_000
MOST_MIB = 1024
MOST_GROWTH = 1.2

# Names and their arguments to 'python -m', in the order of the pipeline.
_STAGES = {"inputs": ["stages", "inputs"]}
_PER_DATASET = ("sources", "download", "detect", "subjects", "crop", "face_videos")
_STAGES |= {name: ["stages", name, DATASET] for name in _PER_DATASET}
_STAGES |= {"select": ["stages", "select"], "audio": ["stages", "audio", DATASET]}
_STAGES |= {"recognise": ["stages", "recognise", DATASET], "persons": ["stages", "persons"]}
_STAGES |= {"identify": ["stages", "identify", DATASET], "dataset": ["stages", "dataset"]}
_COMMANDS = {name: ["stages", name] for name in ("report", "status", "summary")}
_COMMANDS |= {"why": ["stages", "why", f"{DATASET}/{clip_name(CLIPS_PER_PERSON + 1)}"]}
_RELEASED = {"released_inputs": ["stages", "inputs"]}
_RELEASED |= {"released_audioface": ["stages", "released_audioface", DATASET]}
_RELEASED |= {"released_dataset": ["stages", "dataset"]}
MEASURED = {**_STAGES, **_COMMANDS, "training_data": ["benchmarks.scale.training_data"], **_RELEASED}
STEPS = (
    *("download", "detect", "subjects", "crop", "face_videos", "audio", "recognise", "identify"),
    "released_audioface",
)

Results = dict[str, dict[int, Usage]]
"""results[stage][number of clips]."""


def measure(folder: Path, n_clips: int, stages: Sequence[str], *, keep: bool) -> dict[str, Usage]:
    """Return what each of ``stages`` takes on ``n_clips`` clips in the checkout ``folder``, made if it is missing."""
    measured = {}
    for stage in stages:
        checkout = checkout_of(stage, folder, n_clips)
        if stage in STEPS:
            filled = run([sys.executable, "-m", "benchmarks.scale.fill", stage], checkout)
            print(f"  {stage}: its items made up in {filled.seconds:.0f} s", file=sys.stderr, flush=True)
        with _small_dataset(checkout) if stage == "training_data" else nullcontext():
            measured[stage] = run([sys.executable, "-m", *MEASURED[stage]], checkout)
        if stage in STEPS and not re.search(r": [1-9]\d* items, 0 computed", measured[stage].output):
            raise SystemExit(f"{stage} did not find all items in the store:\n{measured[stage].output}")
        print(f"  {stage}: {_text(measured[stage])}", file=sys.stderr, flush=True)
        if stage in STEPS and not keep:
            shutil.rmtree(checkout / CACHE / "items" / stage)
    return measured


def checkout_of(stage: str, folder: Path, n_clips: int) -> Path:
    """Return the checkout in which a stage runs, made if it is missing: ``folder``, or that of the released dataset."""
    make, checkout = (make_released_checkout, folder / RELEASED) if stage in _RELEASED else (make_checkout, folder)
    if not (checkout / "params.yaml").exists():
        make(checkout, n_clips)
    return checkout


@contextmanager
def _small_dataset(folder: Path) -> Iterator[None]:
    """Build the dataset with small caps, and with those of before when the block ends."""
    params, build = (folder / "params.yaml").read_bytes(), [sys.executable, "-m", *MEASURED["dataset"]]
    set_params(folder, *(f"dataset.{cap}" for cap in SMALL_CAPS))
    run(build, folder)
    yield
    (folder / "params.yaml").write_bytes(params)
    run(build, folder)


def _text(usage: Usage) -> str:
    return f"{usage.seconds:.1f} s, {usage.cpu_seconds:.1f} s of the processor, {usage.peak_mib:.0f} MiB"


def render(results: Results, sizes: Sequence[int]) -> str:
    """Return the table of results: a line a stage."""
    lines = [["stage", *(f"{what} {n:,}" for what in ("s", "cpu s", "MiB") for n in sizes), "MiB ratio"]]
    for stage, of in results.items():
        used = [of[n] for n in sizes]
        numbers = [usage.seconds for usage in used] + [usage.cpu_seconds for usage in used]
        mebibytes = [f"{usage.peak_mib:.0f}" for usage in used]
        lines.append([stage, *(f"{number:.1f}" for number in numbers), *mebibytes, f"{growth(of):.2f}"])
    notes = []
    if len(sizes) > 1:
        lines[0] += [f"{what} {EXTRAPOLATED:,}" for what in ("s", "cpu s")]
        for line, of in zip(lines[1:], results.values(), strict=True):
            line += [f"{seconds:.0f}" for seconds in extrapolated_seconds(of)]
        notes = [f"{EXTRAPOLATED:,} clips are an extrapolation: the line through {sizes[0]:,} and {sizes[-1]:,} clips."]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(["  ".join(map(str.rjust, line, widths)) for line in lines] + notes)


def growth(of: dict[int, Usage]) -> float:
    """Return the peak memory at the largest size over that at the smallest."""
    return of[max(of)].peak_mib / of[min(of)].peak_mib


def extrapolated_seconds(of: dict[int, Usage]) -> tuple[float, float]:
    """Return seconds, and seconds of the processor, on the line through the smallest and the largest size."""
    few, many = of[min(of)], of[max(of)]
    beyond = (EXTRAPOLATED - max(of)) / (max(of) - min(of))
    return (
        many.seconds + beyond * (many.seconds - few.seconds),
        many.cpu_seconds + beyond * (many.cpu_seconds - few.cpu_seconds),
    )


def faults(results: Results) -> list[str]:
    """Return the stages whose memory is above the limit, or grows."""
    found = []
    for stage, of in results.items():
        most = max(usage.peak_mib for usage in of.values())
        if most > MOST_MIB:
            found.append(f"{stage}: {most:.0f} MiB, limit {MOST_MIB}")
        if growth(of) > MOST_GROWTH:
            found.append(f"{stage}: its memory grows {growth(of):.2f} times, limit {MOST_GROWTH}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=SIZES, help="numbers of clips, each a run of its own")
    parser.add_argument("--keep", type=Path, help="make the checkouts here, one for each size, and keep them")
    parser.add_argument("--stages", nargs="+", choices=list(MEASURED), default=list(MEASURED), help="only these")
    arguments = parser.parse_args()
    sizes = sorted(set(arguments.clips))
    if min(sizes) < CLIPS_PER_PERSON:
        parser.error(f"--clips: expected {CLIPS_PER_PERSON} or more, the clips of one person, found {min(sizes)}")
    stages = [stage for stage in MEASURED if stage in arguments.stages]
    results: Results = {stage: {} for stage in stages}
    with tempfile.TemporaryDirectory(prefix="facevox-scale-") as temporary:
        for n_clips in sizes:
            print(f"{n_clips:,} clips", file=sys.stderr, flush=True)
            folder = (arguments.keep or Path(temporary)).absolute() / str(n_clips)
            for stage, usage in measure(folder, n_clips, stages, keep=bool(arguments.keep)).items():
                results[stage][n_clips] = usage
            if not arguments.keep:
                shutil.rmtree(folder)
    print(render(results, sizes))
    if found := faults(results):
        print("\n".join(["", "Above a limit:", *found]))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
