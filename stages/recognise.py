"""Embed the face of every subject by a face recognition network, as evidence on identities."""

from pipeline.core.base.device import device_name
from pipeline.core.base.errors import WeightsUnavailable
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import write_manifest, write_tables
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.identity.network.recogniser import named_recogniser
from pipeline.identity.network.subject_embedding import (
    RecogniseParams,
    SubjectEmbedder,
    subject_faces,
    write_no_embeddings,
)

VERSION = 6  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    device_name()  # an error for a bad setting, even where no network is configured; does not load torch
    params = load_params(RecogniseParams, "recognise", at.params)
    if params.network is None:
        write_no_embeddings(dataset, [], at)
        print(f"recognise@{dataset}: params.yaml names no network: persons are decided by name alone")
        return
    if not params.generated and read_section(f"sources.{dataset}.kind", at.params) == "synthetic":
        write_no_embeddings(dataset, [], at)
        print(f"recognise@{dataset}: generated talkers keep their identities (recognise.generated): none is embedded")
        return
    items = subject_faces(at.faces_folder(dataset), params, at.subject_embeddings(dataset))
    try:
        embed_clip = SubjectEmbedder(named_recogniser(params.network, params.threads))
    except WeightsUnavailable as error:
        write_no_embeddings(dataset, items, at)
        print(f"recognise@{dataset}: {error} Until then persons are decided by name alone, and all else goes on;")
        print(f"with the file in its place, run 'dvc repro -f -s recognise@{dataset}' and then 'dvc repro'.")
        return
    step = Step(
        name="recognise",
        version=VERSION,
        params=embed_clip.key,
        function=embed_clip,
        item_id=lambda item: item.subject_id,
        inputs=lambda item: (item.subject_id, *item.content),
    )
    ran = run_step(step, items, read_settings(), title=f"recognise@{dataset}", checkout=at.root)
    embeddings = in_row_order(SubjectEmbedding, ran.each_ok_id(), lambda one: ran.rows(one, SubjectEmbedding))
    write_tables(at.subject_embeddings(dataset), SubjectEmbedding, embeddings)
    write_manifest(at.ledger("recognise", dataset), LedgerRow, ran.ledger())
