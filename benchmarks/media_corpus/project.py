"""Run the project on the files, in a checkout of its own, and return what it wrote of each."""

import contextlib
import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.media_corpus.truth import FAILED, OK, Case
from pipeline.core.base.cache import CACHE_VARIABLE
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import PARAMS_FILE
from pipeline.core.records.clip import clip_name
from pipeline.core.records.face import Face
from pipeline.core.records.frame import Frame
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.schema import from_table
from pipeline.core.records.segment import Segment
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.manifest import iterate_manifest, read_table
from pipeline.core.storage.shards import shard_paths
from pipeline.engine.settings import environment
from stages.__main__ import run_stage
from stages.commands.profile import apply_profiles

DATASET = "corpus"
STAGES = ("sources", "download", "detect", "subjects", "crop", "audio")
N_COLUMNS = 150
TIMEOUT_S = 90  # a file of seconds takes seconds, also on a busy machine
MAX_SOUND_S = 120.0  # less than the long files have, so that a range late in one needs no file of hours
PARAMS = (
    f"datasets=[{DATASET}]",
    "audio.profile=sync",  # keeps the unvoiced sound, a column each 40 ms: its columns can be held against a clock
    f"audio.n_frames={N_COLUMNS}",
    "audio.pad=zero",
    f"audio.max_duration_s={MAX_SOUND_S}",
    # The media are judged, not who speaks: drawn faces and voices are all alike to the networks.
    "recognise.network=null",
    "subjects.voices=null",
    "audio.sound_of=clip",
)


@dataclass(slots=True)
class Ended:
    """How a file ended: 'ok', or status and reason of the first stage that dropped it; and its rows."""

    picture: tuple[str, str] = (FAILED, "no row in any ledger")
    sound: tuple[str, str] = (FAILED, "no row in any ledger")
    detail: str = ""
    media: Media | None = None
    frames: list[Frame] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)


def run_project(cases: Sequence[Case], files: Mapping[str, Path], folder: Path, jobs: int) -> Layout:
    """Run the stages up to crops and sound over all files; return where the outputs are."""
    at = Layout(folder / "checkout")
    at.root.mkdir(parents=True, exist_ok=True)
    at.params.write_text(PARAMS_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    table = _write_list(folder / "list.csv", cases, files)
    apply_profiles([], [f"sources.{DATASET}={{kind: table, input: {table}}}", *PARAMS], at.root)
    settings = {
        CACHE_VARIABLE: str(folder / "store"),
        "FACEVOX_WORKERS": str(jobs),
        "FACEVOX_ITEM_TIMEOUT_S": str(TIMEOUT_S),
    }
    with environment(settings):
        for stage in STAGES:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                run_stage(stage, DATASET, at)
    return at


def _write_list(path: Path, cases: Sequence[Case], files: Mapping[str, Path]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "identity", "address", "start_s", "end_s", "licence"])
        for case in cases:
            start_s, end_s = case.range_s or (None, None)
            rows.writerow([case.name, case.name, files[case.name].absolute(), start_s, end_s, ""])
    return path


def clip_id_of(case: Case) -> str:
    return f"{DATASET}/{clip_name(case.name)}"


def read_ends(cases: Sequence[Case], at: Layout) -> Iterator[tuple[Case, Ended]]:
    """Yield each case and how it ended, in id order."""
    ledgers = {stage: _ledger(at.ledger(stage, DATASET)) for stage in STAGES}
    media = {row.clip_id: row for row in iterate_manifest(at.media(DATASET), Media)}
    frames = ClipRows(at.frames(DATASET), Frame)
    faces = _rows_by_clip(at.faces_folder(DATASET), Face)
    segments = _rows_by_clip(at.audio_folder(DATASET), Segment)
    for case in sorted(cases, key=clip_id_of):
        clip_id = clip_id_of(case)
        ended = Ended(
            picture=_end(ledgers, clip_id, ("sources", "download", "detect", "crop")),
            sound=_end(ledgers, clip_id, ("sources", "download", "audio")),
            detail="; ".join(
                f"{stage}: {row.status}: {row.reason} {row.detail}"
                for stage in STAGES
                if (row := ledgers[stage].get(clip_id)) and row.status != OK
            ),
            media=media.get(clip_id),
            frames=from_table(Frame, frames.of(clip_id)),
            faces=faces.get(clip_id, []),
            segments=segments.get(clip_id, []),
        )
        yield case, ended


def _end(ledgers: Mapping[str, Mapping[str, LedgerRow]], clip_id: str, stages: tuple[str, ...]) -> tuple[str, str]:
    last = (FAILED, "no row in any ledger")
    for stage in stages:
        row = ledgers[stage].get(clip_id)
        if row is not None:
            last = (row.status, row.reason)
            if row.status != OK:
                return last
    return last if ledgers[stages[-1]].get(clip_id) else (FAILED, f"no row in the ledger of {stages[-1]}")


def _ledger(path: Path) -> dict[str, LedgerRow]:
    return {row.item_id: row for row in iterate_manifest(path, LedgerRow)}


def _rows_by_clip(folder: Path, record: type[Any]) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = defaultdict(list)
    for path in shard_paths(folder):
        for row in from_table(record, read_table(path, record)):
            rows[row.clip_id].append(row)
    return rows


def log_mel_of(segment: Segment) -> NDArray[np.float32]:
    """Return the segment's (n_mels, n_valid) log-mel."""
    return segment.log_mel.reshape(segment.n_mels, segment.n_frames)[:, : segment.n_valid_frames]
