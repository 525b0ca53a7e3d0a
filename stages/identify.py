"""Label every cropped face with its identity embedding."""

import json
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.base.layout import Layout
from pipeline.base.outcome import Dropped
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.identity.network.label import VERSION, FacesOfClip, Labeller
from pipeline.records.label import Label
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.storage.manifest import write_manifest, write_table
from pipeline.storage.shards import shard_paths


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    note = json.loads(at.recognition_network_note.read_text(encoding="utf-8"))
    items = [item for shard in shard_paths(at.faces_folder(dataset)) for item in _faces_of(shard)]
    if note["recognition_network"] is None:
        _write_none(dataset, items, at)
        return
    step = Step(
        name="identify",
        version=VERSION,
        params={"sha256": note["sha256"], "recognition_network": note["recognition_network"]},
        function=Labeller(at.recognition_network.absolute(), note["recognition_network"]),
        item_id=lambda item: item.clip_id,
        inputs=lambda item: item.content,
    )
    ran = run_step(step, items, read_settings(), title=f"identify@{dataset}")
    write_table(at.labels(dataset), Label, ran.all_rows(Label), row_group_rows=1 << 12)
    write_manifest(at.ledger("identify", dataset), LedgerRow, ran.ledger())


def _write_none(dataset: str, items: list[FacesOfClip], at: Layout) -> None:
    end = Dropped.filtered("no_recognition_network", "the weights that params.yaml names are not here")
    write_manifest(at.labels(dataset), Label, [])
    ends = [ledger_row("identify", item.clip_id, end) for item in items]
    write_manifest(at.ledger("identify", dataset), LedgerRow, ends)
    print(f"identify@{dataset}: no face recognition network, {len(items)} clips stay without labels")


def _faces_of(shard: Path) -> list[FacesOfClip]:
    """Return the clips of one shard, each with the hashes of its pictures; the pictures stay on the disk."""
    hashes: dict[str, list[str]] = defaultdict(list)
    for row in pq.read_table(shard, columns=["clip_id", "image_sha256"]).to_pylist():
        hashes[row["clip_id"]].append(row["image_sha256"])
    return [FacesOfClip(clip_id, shard.absolute(), tuple(pictures)) for clip_id, pictures in hashes.items()]
