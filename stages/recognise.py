"""Embed the face of every clip by a network that knows faces: the evidence on who is who."""

from pathlib import Path

from pipeline.base.errors import WeightsUnavailable
from pipeline.base.hashing import sha256_of
from pipeline.base.layout import Layout
from pipeline.base.outcome import Dropped
from pipeline.base.params import load_params
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.identity.network.clip_embedding import VERSION, ClipEmbedder, ClipFaces, RecogniseParams, clip_faces
from pipeline.records.evidence import ClipEmbedding
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.storage.manifest import write_manifest, write_table
from pipeline.storage.shards import shard_paths
from pipeline.weights.fetch import find_weights


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(RecogniseParams, "recognise", at.params)
    if params.network is None:
        _write_none(dataset, [], at)
        print(f"recognise@{dataset}: params.yaml names no network: persons are told by name alone")
        return
    items = [item for shard in shard_paths(at.faces_folder(dataset)) for item in clip_faces(shard, params.max_faces)]
    try:
        weights = find_weights(params.network).absolute()
    except WeightsUnavailable as error:
        _write_none(dataset, items, at)
        print(f"recognise@{dataset}: {error} Until then persons are told by name alone, and all else goes on;")
        print(f"with the file in its place, run 'dvc repro -f -s recognise@{dataset}' and then 'dvc repro'.")
        return
    sha256 = sha256_of(weights)
    network = f"{Path(params.network).name}-{sha256[:12]}"
    step = Step(
        name="recognise",
        version=VERSION,
        params={"sha256": sha256, "network": network},
        function=ClipEmbedder(weights, network),
        item_id=lambda item: item.clip_id,
        inputs=lambda item: (item.clip_id, *item.content),
    )
    ran = run_step(step, items, read_settings(), title=f"recognise@{dataset}")
    write_table(at.clip_embeddings(dataset), ClipEmbedding, ran.all_rows(ClipEmbedding))
    write_manifest(at.ledger("recognise", dataset), LedgerRow, ran.ledger())


def _write_none(dataset: str, items: list[ClipFaces], at: Layout) -> None:
    end = Dropped.filtered("no_network", "the weights that params.yaml names are not here")
    write_manifest(at.clip_embeddings(dataset), ClipEmbedding, [])
    ends = [ledger_row("recognise", item.clip_id, end) for item in items]
    write_manifest(at.ledger("recognise", dataset), LedgerRow, ends)
