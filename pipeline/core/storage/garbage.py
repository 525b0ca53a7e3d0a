"""The sizes of what is in the cache folder, and the removal of what no checkout uses any more."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pipeline.core.base.layout import Layout
from pipeline.core.records.evaluation import EvaluatedFace
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.subject import StretchSound, TrackEmbedding, VoiceEmbedding
from pipeline.core.storage.atomic import remove_folder, remove_left
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.manifest import count_rows, iterate_tables
from pipeline.core.storage.used_items import (
    forget_missing_checkouts,
    runs_in,
    runs_with_other_params,
    unused,
    used_keys,
)

ITEMS, TRAININGS, WEIGHTS, UNFINISHED = "items", "training", "weights", "unfinished"
DOWNLOADS = "download"  # the step that leaves unfinished downloads, for the next run to resume
TEMPORARY = "left by ended processes"

_ITEM_STAGES = ("released_audioface", "download", "detect", "subjects", "crop", "audio", "recognise", "identify")
_EVALUATE = "evaluate"
_SUBJECTS = "subjects"
_STAGES = (
    *_ITEM_STAGES[:7],
    "pretrain_identity",
    "identify",
    "pretrain_voice",
    "pretrain_audio_face",
    "train",
    _EVALUATE,
)
_WITHOUT_NETWORK = {"no_network", "no_recognition_network"}  # reasons of stages that have used nothing of the store

IsCurrent = Callable[[Path, str], bool]
"""Whether a run, by its name, is one of a checkout's pipeline."""


class Part(NamedTuple):
    """A part of the cache: the folder it is in, and a step, a stage, or another name."""

    folder: str
    name: str


@dataclass(slots=True)
class Sizes:
    """Numbers of items (trainings, files) and their bytes, by part."""

    n: Counter[Part] = field(default_factory=Counter)
    size_bytes: Counter[Part] = field(default_factory=Counter)

    def add(self, part: Part, size_bytes: int) -> None:
        """Count one item of ``part``."""
        self.n[part] += 1
        self.size_bytes[part] += size_bytes


@dataclass(slots=True)
class Garbage:
    """What is, or would be, removed; and the parts that a running process uses, which are left as they are."""

    sizes: Sizes = field(default_factory=Sizes)
    in_use: list[Part] = field(default_factory=list)


def sizes_of(cache: Path) -> Sizes:
    """Return the sizes of all that is in the cache."""
    sizes = Sizes()
    for step in names_in(cache / ITEMS):
        for item in _items(cache / ITEMS / step):
            is_temporary = item.name.startswith(".")
            sizes.add(Part(ITEMS, TEMPORARY if is_temporary else step), _bytes_of(item))
    for name in names_in(cache / TRAININGS):
        sizes.add(Part(TRAININGS, _stage_of(name)), _bytes_of(cache / TRAININGS / name))
    for name in names_in(cache / WEIGHTS):
        sizes.add(Part(WEIGHTS, name), _bytes_of(cache / WEIGHTS / name))
    for name in names_in(cache / UNFINISHED):
        sizes.add(Part(UNFINISHED, DOWNLOADS), _bytes_of(cache / UNFINISHED / name))
    for left in _left_in(cache / UNFINISHED):
        sizes.add(Part(UNFINISHED, TEMPORARY), _bytes_of(left))
    return sizes


def collect(cache: Path, checkouts: Collection[Path], is_current: IsCurrent, *, remove: bool) -> Garbage:
    """Find, and with ``remove`` remove, the items and trainings that no run of ``checkouts`` used.

    Also temporary folders of ended processes, unfinished downloads, and what is recorded of checkouts that no longer
    exist. What a running process uses is left.
    """
    collector = _Collector(cache, checkouts, is_current, remove)
    for step in names_in(cache / ITEMS):
        collector.collect_step(step)
    collector.collect_unfinished()
    if remove:
        for folder in (ITEMS, TRAININGS):
            forget_missing_checkouts(cache / folder)
    for name in names_in(cache / TRAININGS):
        collector.collect_training(name)
    return collector.garbage


def unrecorded_runs(cache: Path, checkout: Path, datasets: Collection[str]) -> list[str]:
    """Return the runs whose results are in ``checkout``, but which have not recorded there what they used, in order.

    So in a copy of a checkout, or where DVC has put results of another checkout.
    """
    at = Layout(checkout)
    runs = [f"{step}@{dataset}" for dataset in datasets for step in _ITEM_STAGES if _used_items(at, step, dataset)]
    if at.evaluation("faces").is_file() and count_rows(at.evaluation("faces"), EvaluatedFace):
        runs.append(_EVALUATE)
    trainings = names_in(at.training_folder("train").parent)
    missing = {*runs} - {*runs_in(cache / ITEMS, checkout)} | {*trainings} - {*runs_in(cache / TRAININGS, checkout)}
    return sorted(missing, key=_order)


def outdated_runs(cache: Path, checkout: Path, datasets: Collection[str]) -> list[str]:
    """Return the recorded runs of ``checkout`` that were made with other params than it has now, in order."""
    runs = {run for root in (ITEMS, TRAININGS) for run in runs_with_other_params(cache / root, checkout)}
    for run in list(runs):
        step, of_dataset, dataset = run.partition("@")
        if of_dataset and (dataset not in datasets or not _used_items(Layout(checkout), step, dataset, missing=True)):
            runs.remove(run)
    return sorted(runs, key=_order)


def _used_items(at: Layout, step: str, dataset: str, *, missing: bool = False) -> bool:
    """Return whether a step's ledger has items that the store was asked for; ``missing`` where there is no ledger."""
    if step == _SUBJECTS:  # its ledger has subjects, also where nothing was embedded
        rows = (
            (at.track_embeddings(dataset), TrackEmbedding),
            (at.voice_embeddings(dataset), VoiceEmbedding),
            (at.stretch_sounds(dataset), StretchSound),
        )
        if not all(path.is_file() for path, _ in rows):
            return missing
        return any(count_rows(path, record) for path, record in rows)
    ledger = at.ledger(step, dataset)
    if not ledger.is_file():
        return missing
    tables = iterate_tables(ledger, LedgerRow, ["reason"])
    return any(not _WITHOUT_NETWORK.issuperset(table["reason"].to_pylist()) for table in tables)


def _order(run: str) -> tuple[int, str]:
    """Return the run's place among all of a pipeline."""
    stage = run.partition("@")[0]
    return _STAGES.index(stage) if stage in _STAGES else len(_STAGES), run


class _Collector:
    def __init__(self, cache: Path, checkouts: Collection[Path], is_current: IsCurrent, remove: bool) -> None:
        self.garbage = Garbage()
        self._cache, self._checkouts, self._is_current, self._remove = cache, checkouts, is_current, remove

    def collect_step(self, step: str) -> None:
        """Collect a step's unused items, and what its ended processes left."""
        root, part = self._cache / ITEMS, Part(ITEMS, step)
        store = ItemStore(root)
        with unused(root / step) as is_free:
            if not is_free:
                self.garbage.in_use.append(part)
                return
            used = used_keys(root, step, self._checkouts, self._is_current)
            for item in _items(root / step):
                if item.name.startswith("."):
                    self._collect(Part(ITEMS, TEMPORARY), item, remove_left)
                elif item.name not in used:
                    self._collect(part, item, lambda item: store.remove(step, item.name))

    def collect_unfinished(self) -> None:
        """Collect unfinished downloads, which no run has resumed."""
        part = Part(UNFINISHED, DOWNLOADS)
        with unused(self._cache / ITEMS / DOWNLOADS) as is_free:
            for name in names_in(self._cache / UNFINISHED) if is_free else ():
                self._collect(part, self._cache / UNFINISHED / name, remove_folder)
            for left in _left_in(self._cache / UNFINISHED) if is_free else ():
                self._collect(Part(UNFINISHED, TEMPORARY), left, remove_left)

    def collect_training(self, name: str) -> None:
        """Collect a training if it is unused."""
        root, stage = self._cache / TRAININGS, _stage_of(name)
        with unused(root / name) as is_free:
            if name in used_keys(root, stage, self._checkouts, self._is_current):  # by a run that has just ended, too
                return
            if is_free:
                self._collect(Part(TRAININGS, stage), root / name, remove_folder)
            else:
                self.garbage.in_use.append(Part(TRAININGS, stage))

    def _collect(self, part: Part, path: Path, remove: Callable[[Path], object]) -> None:
        self.garbage.sizes.add(part, _bytes_of(path))
        if self._remove:
            remove(path)


def _stage_of(training: str) -> str:
    """Return the stage in the name of a training's folder, <stage>-<hash>."""
    return training.rpartition("-")[0]


def names_in(folder: Path) -> list[str]:
    """Return the names in ``folder``, if there is one, without the hidden ones."""
    return sorted(path.name for path in folder.glob("[!.]*"))


def _left_in(folder: Path) -> list[Path]:
    """Return what processes were removing in ``folder``, or still are."""
    return sorted(folder.glob(".*.tmp"))


def _items(step: Path) -> Iterator[Path]:
    """Yield the folders of all items of a step, and the temporary ones."""
    for first_digits in names_in(step):
        with os.scandir(step / first_digits) as items:
            names = sorted(item.name for item in items)
        yield from (step / first_digits / name for name in names)


def _bytes_of(path: Path | str) -> int:
    """Return the bytes of a file, or of all files in a folder; of what is removed meanwhile none."""
    try:
        with os.scandir(path) as entries:
            return sum(
                _bytes_of(entry.path) if entry.is_dir(follow_symlinks=False) else _file_bytes(entry)
                for entry in entries
            )
    except NotADirectoryError:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


def _file_bytes(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0
