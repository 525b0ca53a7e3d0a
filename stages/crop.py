"""Crop and align faces of every clip's subjects: random ones and candidates for standard faces."""

import itertools

from pipeline.core.base.errors import UntrustedWeights, WeightsUnavailable
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.core.records.clip import Clip
from pipeline.core.records.face import Face, FaceExpression
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import count_rows, write_manifest, write_tables
from pipeline.core.storage.shards import write_shards
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.face.backends.registry import backend_content
from pipeline.face.crops.background import SELFIE_SEGMENTATION
from pipeline.face.crops.crop import CropParams, Cropper
from pipeline.face.crops.finish import Finisher, FinishParams
from pipeline.face.crops.items import read_crop_items
from pipeline.weights.fetch import find_weights

VERSION = 10  # of what this step returns: raise it whenever the same input gives another result
FINISH_VERSION = 2  # the same of what is done to faces on top of it, where params ask for that


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(CropParams, "crop", at.params)
    backend = read_section("detect", at.params)["backend"]
    finish = _possible(load_params(FinishParams, "finish", at.params), dataset)
    cropper = Cropper(params, backend)
    step = Step(
        name="crop",
        version=VERSION,
        params={
            **params.model_dump(mode="json"),
            "backend": backend,
            **({"finish": {**finish.model_dump(mode="json"), "version": FINISH_VERSION}} if finish.is_needed else {}),
        },
        function=Finisher(cropper, params.template, finish) if finish.is_needed else cropper,
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
    expressions = run.each_ok_id() if finish.measure_expression else iter(())
    of_each = in_row_order(FaceExpression, expressions, lambda clip_id: run.rows(clip_id, FaceExpression))
    write_tables(at.expressions(dataset), FaceExpression, of_each)
    ends = itertools.chain(run.ledger(), run.ledger_of_parts())  # of faces that were finished
    write_manifest(at.ledger("crop", dataset), LedgerRow, ends)


def _possible(params: FinishParams, dataset: str) -> FinishParams:
    """Return ``params`` as far as their networks are here; say what is not."""
    if params.background == "white":
        try:
            find_weights(SELFIE_SEGMENTATION)
        except (UntrustedWeights, WeightsUnavailable) as error:
            print(f"crop@{dataset}: backgrounds are kept, all else goes on: {error}")
            return params.model_copy(update={"background": "keep"})
    return params
