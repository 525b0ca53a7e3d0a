"""Damage every file of a stored item of each step: it must be computed again, to the same bytes.

    python -m benchmarks.damage [--steps detect,crop]      (make damage)

A few short clips go through all stages, and an interview, which has several shots, up to its subjects; the dataset that
was built of them is exported, and read as a released one. Then, for each step, each file of its item with most files is
removed, emptied, cut by a byte, and changed by one bit, and the step's stage runs again: it must compute this one
item, and all that the stage writes must be as it was. A flipped bit is tried twice: as an editor leaves it, which the
next run sees, and with the file's time set back, as a failing disk leaves it, which 'facevox store verify' sees. Exit
status 1 if anything differs.
"""

import contextlib
import io
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.small_run import SMALL, TINY
from pipeline.core.base.cache import CACHE_VARIABLE
from pipeline.core.base.errors import FacevoxError
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import PARAMS_FILE
from pipeline.core.storage.items import ItemStore
from pipeline.dataset.reader import open_dataset
from pipeline.engine.settings import environment
from pipeline.export.folder import export_folder
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.write import write_interview
from stages.__main__ import STAGES, run_stage
from stages.commands.profile import apply_profiles

TALKERS, INTERVIEWS, RELEASED = "demo", "interviews", "released"
_TO_SUBJECTS = ("sources", "download", "detect", "subjects")
_RELEASED_STAGE = "released_audioface"
_STAGES = (
    *(*_TO_SUBJECTS, "crop", "select", "audio", "recognise", "persons"),
    *("pretrain_identity", "identify", "dataset", "pretrain_voice", "pretrain_audio_face", "train", "evaluate"),
)
STEPS = {
    **{name: name for name in ("download", "detect", "subjects", "crop", "face_videos", "audio", "recognise")},
    **{name: name for name in ("identify", _RELEASED_STAGE)},
    "dataset_split": "evaluate",
    "evaluate": "evaluate",
}
"""Each step of the store, and the stage that computes its items."""

_SAME_SUBJECT_ABOVE = 0.6  # by the network just trained, of which no limit is known: any number
_FACE_VIDEOS = ("face_videos.size_px=64", "face_videos.min_box_px=32", "face_videos.min_frames=10")
_INTERVIEW = InterviewSpec(seed=1, duration_s=10.0, n_talkers=2)
_MOST_FILES = 6  # of one item: an evaluation has a file per picture


@dataclass(frozen=True, slots=True)
class Run:
    """A checkout's outputs and store, in which all stages have run."""

    at: Layout
    store: ItemStore

    def stage(self, name: str, datasets: Sequence[str] = (TALKERS, INTERVIEWS, RELEASED)) -> str:
        """Run a stage, for each of ``datasets`` that has it, and return what it printed."""
        _, runs_per_dataset = STAGES[name]
        arguments = [[one] for one in datasets if one in _datasets_of(name)] if runs_per_dataset else [[]]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for given in arguments:
                run_stage(name, *given, self.at)
        return printed.getvalue()

    def remove_items(self, step: str) -> None:
        """Remove all items of a step from the store."""
        for key in list(self.store.keys(step)):
            self.store.remove(step, key)

    def outputs(self) -> dict[str, str]:
        """Return the hash of everything that stages have written, but for measured seconds and numbers of inodes."""
        return _hashes(self.at.root, lambda path: not {"training", ".checked"} & set(path.parts))


def _datasets_of(stage: str) -> Sequence[str]:
    if stage == _RELEASED_STAGE:
        return (RELEASED,)
    return (TALKERS, INTERVIEWS) if stage in _TO_SUBJECTS else (TALKERS,)


def _hashes(folder: Path, is_chosen: Callable[[Path], bool] = lambda path: True) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and is_chosen(path))
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}


def _removed(path: Path) -> None:
    path.unlink()


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _bit_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _bit_flipped_without_trace(path: Path) -> None:
    before = path.stat()
    _bit_flipped(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


DAMAGES: Mapping[str, Callable[[Path], None]] = {
    "removed": _removed,
    "emptied": _emptied,
    "cut": _cut,
    "bit flipped": _bit_flipped,
    "bit flipped, time kept": _bit_flipped_without_trace,
}


@contextlib.contextmanager
def small_run() -> Iterator[Run]:
    """Yield a run of all stages on three people's short clips and an interview, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, environment({CACHE_VARIABLE: f"{folder}/store"}):
        at = Layout(Path(folder, "checkout"))
        at.root.mkdir()
        at.params.write_text(PARAMS_FILE.read_text(encoding="utf-8"), encoding="utf-8")
        source = f"sources.{INTERVIEWS}={_interviews(Path(folder, INTERVIEWS))}"
        same_subject = f"subjects.same_subject_above={_SAME_SUBJECT_ABOVE}"
        apply_profiles([], [*SMALL, *TINY, *_FACE_VIDEOS, source, same_subject], at.root)
        run = Run(at, ItemStore(Path(folder, "store", "items")))
        for name in _STAGES:
            run.stage(name, [TALKERS])
        # 'recognise' embeds no generated talkers unless it is told to; it and 'subjects' take the network just trained.
        apply_profiles([], [f"recognise.network={at.recognition_network}", "recognise.generated=true"], at.root)
        run.remove_items("subjects")  # those of the network before
        for name in (*_TO_SUBJECTS, "face_videos", "recognise"):
            run.stage(name)
        run.remove_items("dataset_split")  # those of trainings, which 'evaluate' does not read
        run.stage("evaluate")
        # Last, since 'dataset' takes released datasets too.
        export_folder(open_dataset(at), Path(folder, "exported"), pictures="png", all_faces=True)
        apply_profiles([], [f"released_audioface.{RELEASED}={_released(Path(folder, 'exported', TALKERS))}"], at.root)
        run.stage(_RELEASED_STAGE)
        yield run


def _interviews(folder: Path) -> str:
    """Write an interview of several shots; return the source of its dataset, YAML."""
    of_person = folder / "guest"
    of_person.mkdir(parents=True)
    write_interview(_INTERVIEW, of_person / "interview.mp4")
    return (
        f"{{kind: folder, input: {folder}, identity_from: sub_folder, identity_pattern: '(?P<identity>.+)',"
        " identity_table: null, licence: CC0-1.0, recursive: true}"
    )


def _released(folder: Path) -> str:
    return f"{{input: {folder}, licence: CC0-1.0}}"


def damage_step(run: Run, step: str) -> Iterator[tuple[str, str, str]]:
    """Damage each file of the step's item with most files in each way; yield (file, damage, what went wrong or '')."""
    n_files = {key: len(_hashes(run.store.folder(step, key))) for key in sorted(run.store.keys(step))}
    key = max(n_files, key=lambda one: n_files[one])
    folder = run.store.folder(step, key)
    names = list(_hashes(folder))
    for name in [*names[: _MOST_FILES - 1], names[-1]] if len(names) > _MOST_FILES else names:
        for kind, damage in DAMAGES.items():
            outputs, item = run.outputs(), _hashes(folder)
            (folder / name).chmod(0o644)
            damage(folder / name)
            wrong = _fault_after(run, step, key, kind) or _difference(run, outputs, folder, item)
            yield name, kind, wrong
            if wrong:
                return  # the item is another one, or gone


def _fault_after(run: Run, step: str, key: str, kind: str) -> str:
    """Run the stage on a damaged item; return what is wrong about how it ended."""
    if kind == "bit flipped, time kept":
        if not run.store.fault(step, key, check_hashes=True):
            return "verify does not see it"
        run.store.remove(step, key)
    try:
        printed = run.stage(STEPS[step])
    except FacevoxError as error:
        return f"the stage ended: {error}"
    n_computed = [int(number) for number in re.findall(r"items, (\d+) computed", printed)]
    if n_computed and sum(n_computed) != 1:
        return f"{sum(n_computed)} items computed, expected 1"
    return ""


def _difference(run: Run, outputs: dict[str, str], folder: Path, item: dict[str, str]) -> str:
    after = run.outputs()
    changed = sorted(name for name in {*outputs, *after} if outputs.get(name) != after.get(name))
    if changed:
        return f"outputs differ: {', '.join(changed[:3])}"
    return "" if _hashes(folder) == item else "the item's files differ"


def main(steps: Annotated[str, typer.Option(help="Steps to damage, separated by commas.")] = ",".join(STEPS)) -> None:
    """Print a line for each damaged file, and end with exit status 1 when one of them was used."""
    n_wrong = n_tried = 0
    with small_run() as run:
        for step in steps.split(","):
            start_s = time.monotonic()
            for name, kind, wrong in damage_step(run, step):
                n_tried += 1
                n_wrong += bool(wrong)
                print(f"{step:<18} {name:<28} {kind:<24} {wrong or 'computed again, same bytes'}", flush=True)
            print(f"{step}: {time.monotonic() - start_s:.0f} s")
    print(f"{n_tried} damages, {n_wrong} wrong")
    raise SystemExit(bool(n_wrong))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
