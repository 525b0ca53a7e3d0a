"""A checkout with n listed clips: a table of local files, and params.yaml changed by the project's own command."""

import csv
import json
import shutil
import sys
from pathlib import Path

from benchmarks.scale.built import VIDEO_PX, write_released_files
from benchmarks.scale.measure import ROOT, run
from benchmarks.scale.names import (
    CLIPS_PER_PERSON,
    DATASET,
    NETWORK,
    RELEASED_FILES,
    TABLE,
    VIDEOS,
    WEIGHTS,
    clip_name,
    video_path,
)

_COLUMNS = ("id", "identity", "address", "start_s", "end_s", "licence")
_LABEL_SIZE = 2048

# The split of a training has the size of its pictures and log-mels on the disk, and those of all persons under the
# usual caps are more than is needed to see whether its memory grows.
SMALL_CAPS = ("max_faces_per_person=2", "max_standard_faces_per_person=2", "max_segments_per_person=4")

# Of the embeddings in rows.py: two clips of a person have a cosine of about 0.9, those of two persons are near 0.
FACE_LIMITS = {"same_person_above": 0.63, "other_person_below": 0.3, "same_split_above": 0.45}


SAME_SUBJECT_ABOVE = 0.6  # of the embeddings in edited.py: those of a clip's tracks are equal


def make_checkout(folder: Path, n_clips: int) -> None:
    """Write the files that the first stage reads, and those of the stages that are not run: a network and its note.

    The videos are no videos, but each is a file of its own: the stages that read them find their results in the store.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "params.yaml", folder)
    _write_clips(folder, n_clips)
    (folder / WEIGHTS).write_text("the weights of no network\n")
    set_params(
        folder,
        f"datasets=[{DATASET}]",
        f"sources.{DATASET}={{kind: table, input: {TABLE}}}",
        f"recognise.network={WEIGHTS}",
        f"face_videos.size_px={VIDEO_PX}",
        f"subjects.same_subject_above={SAME_SUBJECT_ABOVE}",
        "subjects.voice_s=null",  # of clips of one shot nothing is made up
        *(f"persons.{name}={limit}" for name, limit in FACE_LIMITS.items()),
    )
    note = {"recognition_network": NETWORK, "sha256": "0" * 64, "embedding_size": _LABEL_SIZE, "training": None}
    (folder / "manifests").mkdir()
    (folder / "manifests/recognition_network.json").write_text(json.dumps(note, indent=2, sort_keys=True) + "\n")


def make_released_checkout(folder: Path, n_clips: int) -> None:
    """Write a dataset that was released built, of as many clips, and the params by which it is the only one."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "params.yaml", folder)
    write_released_files(folder / RELEASED_FILES, n_clips)
    released = f"released_audioface.{DATASET}={{input: {RELEASED_FILES}, licence: CC0-1.0}}"
    set_params(folder, "datasets=[]", "sources={}", released)


def set_params(folder: Path, *assignments: str) -> None:
    """Change params.yaml by ``facevox profile``."""
    run([sys.executable, "-m", "stages", "profile", *(part for one in assignments for part in ("--set", one))], folder)


def _write_clips(folder: Path, n_clips: int) -> None:
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for number in range(n_clips):
            name, path = clip_name(number), video_path(number)
            if not (folder / path.parent).is_dir():
                (folder / path.parent).mkdir(parents=True)
            (folder / path).write_text(name)
            table.writerow([name, f"p{number // CLIPS_PER_PERSON:06d}", path.as_posix(), "", "", "CC0-1.0"])
    assert (folder / VIDEOS).is_dir(), "no clips"
