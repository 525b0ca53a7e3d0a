"""Evaluate another method on this dataset's test faces: export the masked faces, evaluate its pictures."""

from pathlib import Path

from pipeline.core.base.layout import Layout


def export_masked_faces(to: Path, at: Layout = Layout(), *, force: bool = False) -> None:
    """Write the masked test faces and their masks for another method to inpaint."""
    from model.evaluation.inputs import load_evaluation_params, open_test_split
    from model.evaluation.predictions import export_masked

    n_faces = export_masked(open_test_split(at), to, *load_evaluation_params(at), force=force)
    print(f"{to}: {n_faces} faces: masked/, masks/ and faces.csv")


def evaluate_pictures(pictures: Path, out: Path, at: Layout = Layout()) -> None:
    """Evaluate the pictures in a folder, named as by ``export_masked_faces``; this run's metrics.json is not changed.

    Raises BadInput when no picture is a face's, and for one that can't be read or is not of 256x256 pixels.
    """
    from model.evaluation.inputs import load_evaluation_params, load_inputs
    from model.evaluation.predictions import evaluate_predictions
    from model.evaluation.summary import as_text
    from pipeline.core.base.device import read_device
    from pipeline.core.base.torch_threads import torch_threads

    device = read_device()
    params, mask_params = load_evaluation_params(at)
    with torch_threads(params.threads):
        result = evaluate_predictions(pictures, load_inputs(at, params, mask_params, device), out)
    print(as_text(str(pictures), result.metrics))
    if result.n_missing or result.n_unknown:
        print(f"{pictures}: {result.n_missing} faces have no picture; {result.n_unknown} pictures are no face's")
    print(f"{out}: metrics.json, faces.parquet")
