"""A recipe of profiles/ applied to a folder of generated talkers, and stages run on it, as a user would."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from pipeline.core.storage.garbage import UNFINISHED
from pipeline.sources.lists.rows import video_address
from stages.__main__ import run_stage
from stages.commands.profile import apply_profiles

# Networks that cost seconds, and that change nothing in clips of one person and one shot.
CHEAP = (
    "recognise.network=null",
    "subjects.voices=null",
    "subjects.overlap=null",
    "subjects.music=null",
    "crop.n_random=2",
    "crop.n_candidates=4",
)


def checkout_of(
    root: Path, profiles: Iterable[str], assignments: Iterable[str] = (), videos: Path | None = None
) -> Layout:
    """Make a checkout with params.yaml as ``profiles`` and then ``assignments`` leave it."""
    shutil.copytree(ROOT / "profiles", root / "profiles")
    shutil.copy(ROOT / "params.yaml", root / "params.yaml")
    apply_profiles([*profiles], [*assignments], root, None if videos is None else str(videos))
    return Layout(root)


def checkout_with(root: Path, profiles: list[str], videos: Path, *assignments: str) -> Layout:
    """Make a checkout whose profiles are ``profiles``, on the folder ``videos`` as the dataset 'clips'."""
    return checkout_of(root, ["folder", *profiles], [*CHEAP, *assignments], videos)


def put_download(store: Path, video: Path, video_id: str, height_px: int, *, sound_alone: bool = False) -> None:
    """Put ``video`` where the stage ``download`` finds it fetched whole, as the video of YouTube ``video_id``."""
    named = f"{video_address(video_id)}\n{height_px} px" + ("\nsound" if sound_alone else "")
    folder = store / UNFINISHED / hashlib.sha256(named.encode()).hexdigest()
    folder.mkdir(parents=True)
    path = Path(shutil.copy(video, folder / "media.mp4"))
    done = {"name": path.name, "size_bytes": path.stat().st_size, "tool": "test", "format_id": None}
    (folder / "done.json").write_text(json.dumps({**done, "uploader": None, "fetched_on": None}))


def params_of(at: Layout) -> dict[str, Any]:
    params: dict[str, Any] = yaml.safe_load(at.params.read_text(encoding="utf-8"))
    return params


def run_stages(
    at: Layout, names: Iterable[str], of_all: frozenset[str] = frozenset({"select", "persons", "dataset"})
) -> None:
    for name in names:
        run_stage(name, *([] if name in of_all else ["clips"]), at)
