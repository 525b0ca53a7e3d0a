"""Crop and align faces of every clip's subjects: random ones and candidates for standard faces."""

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.core.records.clip import Clip
from pipeline.core.records.face import Face
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.manifest import count_rows, write_manifest
from pipeline.core.storage.shards import write_shards
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.face.backends.registry import backend_content
from pipeline.face.crops.crop import CropParams, Cropper
from pipeline.face.crops.items import read_crop_items

VERSION = 10  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(CropParams, "crop", at.params)
    backend = read_section("detect", at.params)["backend"]
    step = Step(
        name="crop",
        version=VERSION,
        params={**params.model_dump(mode="json"), "backend": backend},
        function=Cropper(params, backend),
        item_id=lambda item: item.clip.clip_id,
        inputs=lambda item: (*item.content, *backend_content(backend, item.clip.clip_id)),
    )
    run = run_step(
        step,
        read_crop_items(dataset, at),
        read_settings(),
        title=f"crop@{dataset}",
        n_items=count_rows(at.clips(dataset), Clip),
        checkout=at.root,
    )
    write_shards(at.faces_folder(dataset), Face, run.ok_ids, lambda clip_id: run.rows(clip_id, Face))
    write_manifest(at.ledger("crop", dataset), LedgerRow, run.ledger())
