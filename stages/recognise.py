"""Embed the face of every clip by a face recognition network, as evidence on identities."""

from pathlib import Path

from pipeline.base.device import Placement, device_name, read_device
from pipeline.base.errors import WeightsUnavailable
from pipeline.base.hashing import sha256_of
from pipeline.base.layout import Layout
from pipeline.base.params import load_params
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.identity.network import clip_embedding
from pipeline.records.evidence import ClipEmbedding
from pipeline.records.ledger import LedgerRow
from pipeline.storage.manifest import write_manifest, write_table
from pipeline.weights.fetch import find_weights

VERSION = 2  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    device_name()  # names a wrong setting also where there is no network, without loading torch
    params = load_params(clip_embedding.RecogniseParams, "recognise", at.params)
    if params.network is None:
        _write_none(dataset, [], at)
        print(f"recognise@{dataset}: params.yaml names no network: persons are decided by name alone")
        return
    items = clip_embedding.clip_faces_in(at.faces_folder(dataset), params.max_faces)
    try:
        weights = find_weights(params.network).absolute()
    except WeightsUnavailable as error:
        _write_none(dataset, items, at)
        print(f"recognise@{dataset}: {error} Until then persons are decided by name alone, and all else goes on;")
        print(f"with the file in its place, run 'dvc repro -f -s recognise@{dataset}' and then 'dvc repro'.")
        return
    placement = Placement(str(read_device()), params.threads)
    sha256 = sha256_of(weights)
    network = f"{Path(params.network).name}-{sha256[:12]}"
    step = Step(
        name="recognise",
        version=VERSION,
        params={
            "sha256": sha256,
            "network": network,
            "threads": placement.threads,
            "device": placement.device.partition(":")[0],
        },
        function=clip_embedding.ClipEmbedder(weights, network, placement),
        item_id=lambda item: item.clip_id,
        inputs=lambda item: (item.clip_id, *item.content),
    )
    ran = run_step(step, items, read_settings(), title=f"recognise@{dataset}")
    write_table(at.clip_embeddings(dataset), ClipEmbedding, ran.all_rows(ClipEmbedding))
    write_manifest(at.ledger("recognise", dataset), LedgerRow, ran.ledger())


def _write_none(dataset: str, items: list[clip_embedding.ClipFaces], at: Layout) -> None:
    write_manifest(at.clip_embeddings(dataset), ClipEmbedding, [])
    write_manifest(at.ledger("recognise", dataset), LedgerRow, clip_embedding.no_network_rows(items))
