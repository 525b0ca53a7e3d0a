"""Judge another method by this dataset's test faces: hand out what it is to inpaint, and score what it inpainted."""

from pathlib import Path

from pipeline.base.layout import Layout
from pipeline.base.params import load_params


def score_predictions(pictures: Path, out: Path, at: Layout = Layout()) -> None:
    """Score the pictures in a folder, named as ``hand_out_faces`` names them; metrics.json of this run stays as it is.

    Raises BadInput when no picture is a face's, and for one that can't be read or is not of 256x256 pixels.
    """
    from model.evaluation.figures import told_figures
    from model.evaluation.inputs import metric_suite_of, test_split
    from model.evaluation.predictions import evaluate_predictions
    from model.settings import EvaluateParams, MaskParams

    params = load_params(EvaluateParams, "evaluate", at.params)
    mask_params = load_params(MaskParams, "mask", at.params)
    scored = evaluate_predictions(pictures, test_split(at), metric_suite_of(at, params), params, mask_params, out)
    print(told_figures(str(pictures), scored.metrics))
    if scored.n_missing or scored.n_unknown:
        print(f"{pictures}: {scored.n_missing} faces have no picture; {scored.n_unknown} pictures are no face's")
    print(f"{out}: metrics.json, faces.parquet")


def hand_out_faces(to: Path, at: Layout = Layout(), *, force: bool = False) -> None:
    """Write the masked test faces and their masks for another method to inpaint."""
    from model.evaluation.inputs import test_split
    from model.evaluation.predictions import export_masked
    from model.settings import EvaluateParams, MaskParams

    params = load_params(EvaluateParams, "evaluate", at.params)
    mask_params = load_params(MaskParams, "mask", at.params)
    n_faces = export_masked(test_split(at), to, params, mask_params, force=force)
    print(f"{to}: {n_faces} faces: masked/, masks/ and faces.csv")
