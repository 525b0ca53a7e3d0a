"""Inpaint the standard faces of the test persons and compute metrics: images, identity, retrieval, voice swaps."""

from pipeline.core.base.layout import Layout
from pipeline.core.records.evaluation import EvaluatedFace
from pipeline.core.storage.atomic import replacing_folder, write_text
from pipeline.core.storage.json_file import read_json
from pipeline.core.storage.manifest import write_manifest


def main(at: Layout = Layout()) -> None:
    """Run the stage; without a test person or a network, metrics.json holds the reason."""
    from model.evaluation.inputs import NothingToEvaluate, load_evaluation_params
    from model.evaluation.stored_evaluation import write_evaluation
    from model.evaluation.summary import as_json, as_text, empty_metrics, headlines_of
    from pipeline.core.base.device import read_device

    device = read_device()
    try:
        write_evaluation(at, *load_evaluation_params(at), device)
    except NothingToEvaluate as error:
        with replacing_folder(at.evaluation_folder):
            write_manifest(at.evaluation("faces"), EvaluatedFace, [])
        write_text(at.metrics, as_json(empty_metrics(str(error))))
    metrics = read_json(at.metrics)
    write_text(at.evaluation_headlines, as_json(headlines_of(metrics)))
    print(as_text("evaluate", metrics))
