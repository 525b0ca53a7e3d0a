"""Tell what a run made: Table 1, the funnel of every stage, how the network inpaints, and where things are."""

import json

from pipeline.base.errors import BadInput
from pipeline.base.layout import Layout
from pipeline.base.params import read_section
from pipeline.dataset.table1 import render
from stages.commands.status import render_status

_HEADLINES = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "l1": "L1, 0-255",
    "l1_masked": "L1 in the mask, 0-255",
    "recognition_cosine": "identity (psi), 1 - cosine",
}


def render_summary(at: Layout = Layout()) -> str:
    """Return all that as text; raises BadInput before the first run."""
    if not at.stats.is_file():
        raise BadInput(f"{at.stats}: not there yet: run 'dvc repro'.")
    stats = json.loads(at.stats.read_text(encoding="utf-8"))
    n_pairs = stats.pop("total")["pairs"]
    table = f"Table 1 of this run, {n_pairs:,} pairs\n{render(stats)}"
    funnel = f"Items per stage\n{render_status(at)}"
    return "\n\n".join(part for part in (table, funnel, _figures(at), _places(at)) if part)


def _figures(at: Layout) -> str:
    """Return how the trained network inpaints the test persons' faces; nothing before there is one."""
    if not at.metrics.is_file():
        return ""
    figures = json.loads(at.metrics.read_text(encoding="utf-8"))
    if not figures.get("n_faces"):
        return ""
    told = [f"  {meaning:<32}{figures[name]:.4g}" for name, meaning in _HEADLINES.items() if name in figures]
    title = f"How it inpaints {figures['n_faces']} faces of {figures['n_persons']} test persons"
    return "\n".join([title, *told])


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
        "trained networks": at.model("*"),
        "all figures of the evaluation": at.metrics,
        "the page that shows the run": at.report,
        "what each column means": at.root / "manifests" / "README.md",
    }
    lines = [f"  {what:<32}{path.as_posix()}" for what, path in places.items()]
    return "\n".join(["Where things are", *lines, "Why an item ended as it did: python -m stages why <clip>"])
