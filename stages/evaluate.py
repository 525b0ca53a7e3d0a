"""Inpaint the standard faces of the test persons and judge them: image metrics, identity, retrieval, voice swaps."""

from pipeline.base.layout import Layout
from pipeline.base.params import load_params
from pipeline.records.evaluation import EvaluatedFace
from pipeline.storage.atomic import replacing_folder, write_text
from pipeline.storage.manifest import write_manifest


def main(at: Layout = Layout()) -> None:
    """Run the stage; where there is nobody to inpaint, or no network, metrics.json says so."""
    from model.evaluation.evaluate import NothingToEvaluate, evaluate_network
    from model.evaluation.figures import no_figures, render, told_figures
    from model.evaluation.inputs import metric_suite_of, test_split, trained_network
    from model.settings import EvaluateParams, MaskParams

    params = load_params(EvaluateParams, "evaluate", at.params)
    mask_params = load_params(MaskParams, "mask", at.params)
    rows: list[EvaluatedFace] = []
    with replacing_folder(at.evaluation_folder) as folder:
        try:
            network, data = trained_network(at), test_split(at)
            rows, metrics = evaluate_network(network, data, metric_suite_of(at, params), params, mask_params, folder)
        except NothingToEvaluate as error:
            metrics = no_figures(str(error))
    write_manifest(at.evaluation("faces"), EvaluatedFace, rows)
    write_text(at.metrics, render(metrics))
    print(told_figures("evaluate", metrics))
