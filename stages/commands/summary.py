"""Tell what a run made: Table 1, the funnel of every stage, and where things are."""

import json

from pipeline.dataset.table1 import render
from pipeline.errors import BadInput
from pipeline.layout import Layout
from pipeline.params import read_section
from stages.commands.status import render_status


def render_summary(at: Layout = Layout()) -> str:
    """Return the three as text; raises BadInput before the first run."""
    if not at.stats.is_file():
        raise BadInput(f"{at.stats}: not there yet: run 'dvc repro'.")
    stats = json.loads(at.stats.read_text(encoding="utf-8"))
    n_pairs = stats.pop("total")["pairs"]
    table = f"Table 1 of this run, {n_pairs:,} pairs\n{render(stats)}"
    funnel = f"What became of everything\n{render_status(at)}"
    return f"{table}\n\n{funnel}\n\n{_places(at)}"


def _places(at: Layout) -> str:
    datasets = "|".join(read_section("datasets", at.params))
    name = f"{{{datasets}}}" if "|" in datasets else datasets
    places = {
        "pairs, faces, segments, persons": at.dataset("*"),
        "pictures": at.faces_folder(name) / "*.parquet",
        "log-mels": at.audio_folder(name) / "*.parquet",
        "identity labels": at.labels(name),
        "every observed frame": at.frames(name),
        "videos": at.media_folder(name),
        "what each column means": at.root / "manifests" / "README.md",
    }
    lines = [f"  {what:<32}{path.as_posix()}" for what, path in places.items()]
    return "\n".join(["Where things are", *lines, "Why an item ended as it did: python -m stages why <clip>"])
