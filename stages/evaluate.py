"""Inpaint the standard faces of the test persons and compute metrics: images, identity, retrieval, voice swaps."""

from pipeline.base.layout import Layout
from pipeline.records.evaluation import EvaluatedFace
from pipeline.storage.atomic import replacing_folder, write_text
from pipeline.storage.manifest import write_manifest


def main(at: Layout = Layout()) -> None:
    """Run the stage; without a test person or a network, metrics.json holds the reason."""
    from model.evaluation.evaluate import evaluate_network
    from model.evaluation.inputs import NothingToEvaluate, load_evaluation_params, load_inputs, load_network
    from model.evaluation.summary import as_json, as_text, empty_metrics

    params, mask_params = load_evaluation_params(at)
    rows: list[EvaluatedFace] = []
    with replacing_folder(at.evaluation_folder) as folder:
        try:
            network = load_network(at)
            inputs = load_inputs(at, params, mask_params)
            rows, metrics = evaluate_network(network, inputs, folder)
        except NothingToEvaluate as error:
            metrics = empty_metrics(str(error))
    write_manifest(at.evaluation("faces"), EvaluatedFace, rows)
    write_text(at.metrics, as_json(metrics))
    print(as_text("evaluate", metrics))
