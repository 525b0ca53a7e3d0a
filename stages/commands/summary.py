"""The results of a run: Table 1, the funnel of every stage, the evaluation's metrics, and the paths of all outputs."""

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import read_params, read_section
from pipeline.core.storage.json_file import read_json
from pipeline.dataset.paper_table import beside_paper, explain
from pipeline.dataset.table1 import Counts, render
from stages.commands.status import render_status

_HEADLINES = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "l1": "L1, 0-255",
    "l1_masked": "L1 in the mask, 0-255",
    "recognition_cosine": "identity, 1 - cosine",
}


def render_summary(at: Layout = Layout()) -> str:
    """Return the results as text; raise BadInput before the first run."""
    if not at.stats.is_file():
        raise BadInput(f"{at.stats}: not found: run 'dvc repro'.")
    stats = read_json(at.stats)
    n_pairs = stats.pop("total")["pairs"]
    table = f"Table 1 of this run, {n_pairs:,} pairs\n{render(stats)}"
    funnel = f"Items per stage\n{render_status(at)}"
    return "\n\n".join(part for part in (table, _beside_paper(at, stats), funnel, _metrics(at), _paths(at)) if part)


def _beside_paper(at: Layout, counts: Counts) -> str:
    """Return Table 1 beside the paper's, with what explains the differences; empty without a dataset of the paper."""
    sources = read_params(at.params).get("sources") or {}
    kinds = {name: str(sources[name].get("kind")) for name in counts if name in sources}
    table = beside_paper(counts, kinds)
    return "\n".join([f"This run / the paper\n{table}", *explain(at, kinds)]) if table else ""


def _metrics(at: Layout) -> str:
    """Return the main metrics on the test persons' faces, or why there are none; empty before the evaluation."""
    if not at.metrics.is_file():
        return ""
    metrics = read_json(at.metrics)
    if not metrics.get("n_faces"):
        return "\n".join(f"No {name}: {reason}" for name, reason in metrics.get("unavailable", {}).items())
    lines = [f"  {meaning:<32}{metrics[name]:.4g}" for name, meaning in _HEADLINES.items() if name in metrics]
    title = f"Metrics of {metrics['n_faces']} inpainted faces of {metrics['n_persons']} test persons"
    return "\n".join([title, *lines])


def _paths(at: Layout) -> str:
    datasets = "|".join(read_section("datasets", at.params))
    name = f"{{{datasets}}}" if "|" in datasets else datasets
    paths = {
        "pairs, faces, segments, persons": at.dataset("*"),
        "pictures": at.faces_folder(name) / "*.parquet",
        "log-mels": at.audio_folder(name) / "*.parquet",
        "identity labels": at.labels(name),
        "all observations": at.frames(name),
        "videos": at.media_folder(name),
        "trained networks": at.model("*"),
        "all metrics of the evaluation": at.metrics,
        "report on the run": at.report,
        "meaning of each column": at.root / "manifests" / "README.md",
    }
    lines = [f"  {what:<32}{path.as_posix()}" for what, path in paths.items()]
    return "\n".join(["Paths", *lines, "History of an item: ./facevox why <clip>"])
