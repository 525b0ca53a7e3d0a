"""What the downloads of a run will take, before they begin."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from pipeline.core.base.cache import cache_folder
from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.core.records.clip import Clip
from pipeline.core.storage.garbage import ITEMS
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.manifest import iterate_manifest
from pipeline.download.fetch import DownloadParams
from pipeline.download.settings import read_fetch_settings
from pipeline.engine.step import Step
from pipeline.sources.downloads import BYTES_PER_GB
from pipeline.sources.plan import Plan, plan_of

StepOf: TypeAlias = Callable[[DownloadParams], Step[Clip]]
_SECONDS_PER_HOUR = 3600


def render_plan(datasets: Sequence[str], step_of: StepOf, *, mbit_s: float, at: Layout = Layout()) -> str:
    """Return the plans of ``datasets``, all of params.yaml without any, as text.

    ``step_of`` returns the step of the stage download. Raises BadInput for a dataset that is not listed yet.
    """
    params = load_params(DownloadParams, "download", at.params)
    store = ItemStore(cache_folder() / ITEMS)
    lines = []
    for dataset in datasets or read_section("datasets", at.params):
        if not at.listed(dataset).is_file():
            raise BadInput(f"dataset '{dataset}' is not listed yet: run 'dvc repro sources@{dataset}' first.")
        clips = iterate_manifest(at.listed(dataset), Clip)
        plan = plan_of(clips, step_of(params), store, params.cut_margin_s)
        lines += [f"dataset {dataset}", *_listed(plan)]
        if plan.addresses:
            lines += [*_here(plan), *_to_come(plan, params, mbit_s)]
    return "\n".join(lines)


def _listed(plan: Plan) -> list[str]:
    kinds = [
        (plan.n_ranges, f"ranges of {plan.ranges_s / _SECONDS_PER_HOUR:.2f} h together"),
        (plan.n_open, "of unknown length, which are in no sum below"),
        (plan.n_in_place, "files used in place"),
        (plan.n_generated, "generated"),
    ]
    told = ", ".join(f"{n:,} {what}" for n, what in kinds if n) or "none"
    addresses = f"; {len(plan.addresses):,} addresses" if plan.addresses else ""
    return [_line("listed", f"{plan.n_clips:,} clips: {told}{addresses}")]


def _here(plan: Plan) -> list[str]:
    ended = "".join(f", {n:,} {end}" for end, n in plan.ends.most_common())
    return [
        _line("here", f"{plan.n_here:,} clips, {_gb(plan.here_bytes)}{ended}"),
        _line("to fetch", f"{plan.n_missing:,} clips of {len(plan.to_fetch_s):,} addresses"),
    ]


def _to_come(plan: Plan, params: DownloadParams, mbit_s: float) -> list[str]:
    if not plan.n_missing:
        return []
    kept = plan.kept_bytes(mbit_s)
    margin = "whole videos, as far as their last range" if params.cut_margin_s is None else "ranges with their margins"
    lines = [
        _line("disk", f"{_gb(kept)} to come: {margin}, at {mbit_s:g} Mbit/s (--mbit-s); {_free()}"),
        _line("transfer", f"{_gb(plan.fetched_bytes(mbit_s))} at least: videos are fetched whole, then cut"),
    ]
    limit = params.max_total_gb
    if limit is not None and plan.here_bytes + kept > limit * BYTES_PER_GB:
        lines.append(_line("limit", f"download.max_total_gb is {limit:g}: clips beyond it wait"))
    return [*lines, *_time(plan)]


def _time(plan: Plan) -> list[str]:
    """Return how long the slowest host takes, by the pauses between its videos; no host waits for another."""
    settings = read_fetch_settings()
    if not plan.n_of_host:
        return []
    host = max(plan.n_of_host, key=lambda one: plan.n_of_host[one] * settings.pause_s(one))
    n, pause_s = plan.n_of_host[host], settings.pause_s(host)
    pace = f"{n:,} videos of {host}, one in {pause_s:g} s (FACEVOX_PAUSE_S)"
    return [_line("time", f"{n * pause_s / _SECONDS_PER_HOUR:.1f} h at least: {pace}")]


def _free() -> str:
    cache = cache_folder()
    folder = next(parent for parent in (cache, *cache.parents) if parent.exists())
    return f"{_gb(shutil.disk_usage(folder).free)} free in {Path(cache)}"


def _gb(n_bytes: float) -> str:
    return f"{n_bytes / BYTES_PER_GB:.1f} GB"


def _line(name: str, text: str) -> str:
    return f"  {name:<10}{text}"
