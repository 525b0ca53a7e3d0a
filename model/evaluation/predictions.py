"""Evaluate another method by the same faces, masks and metrics: export the masked faces, read its pictures."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from model.data.split import DatasetSplit
from model.evaluation.evaluation_faces import EvaluationFace, iterate_evaluation_faces
from model.evaluation.face_metrics import MetricAccumulator
from model.evaluation.inputs import EvaluationInputs
from model.evaluation.picture_table import mask_picture, masked
from model.evaluation.summary import Metrics, as_json, summarise_metrics
from model.networks.generator import IMAGE_PX
from model.settings import EvaluateParams, MaskParams
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.device import GPU_BATCH
from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import encode_png, read_picture
from pipeline.core.records.evaluation import EvaluatedFace
from pipeline.core.records.person import TEST
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import write_manifest
from pipeline.export.names import folder_names
from pipeline.export.target import write_note, writing_export

KIND = "masked faces"
SUFFIX = ".png"
COLUMNS = ("name", "face_id", "dataset", "person_id", "segment_id")


class PredictionMetrics(NamedTuple):
    """The metrics of a folder of pictures, and which of them have no counterpart."""

    metrics: Metrics
    n_missing: int
    """Faces without a picture."""
    n_unknown: int
    """Pictures whose name is no face's."""


def file_names(data: DatasetSplit) -> dict[str, str]:
    """Return the name of each face's picture, by face id: the id with ``=2F`` for ``/`` and so on, and ``.png``.

    Raises BadInput when two names differ in case only.
    """
    names = folder_names(data.face_ids[row] for row in range(data.n_faces))
    return {face_id: f"{name}{SUFFIX}" for face_id, name in names.items()}


def export_masked(
    data: DatasetSplit, to: Path, params: EvaluateParams, mask_params: MaskParams, *, force: bool = False
) -> int:
    """Write the masked test faces for another method to inpaint; return how many there are.

    ``to`` gets ``masked/<name>.png``, the mask grey, ``masks/<name>.png``, the mask white, and ``faces.csv``: the face,
    dataset, person and segment of each name. The true faces are not written. Raises BadInput when ``to`` holds anything
    but an earlier export, which ``force`` replaces.
    """
    names = file_names(data)
    rows: list[tuple[str, ...]] = []
    with writing_export(to, force=force) as folder:
        (folder / "masked").mkdir()
        (folder / "masks").mkdir()
        for face in iterate_evaluation_faces(data, params, mask_params):
            name = names[face.face_id]
            (folder / "masked" / name).write_bytes(encode_png(masked(face.image, face.mask)))
            (folder / "masks" / name).write_bytes(encode_png(mask_picture(face.mask)))
            rows.append((name, face.face_id, face.dataset, face.person_id, face.segment_id))
        pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "faces.csv", index=False, lineterminator="\n")
        write_note(folder, KIND, {TEST: {"faces": len(rows)}})
    return len(rows)


def evaluate_predictions(pictures: Path, inputs: EvaluationInputs, out: Path) -> PredictionMetrics:
    """Compute the metrics of a folder's pictures ``<name>.png``, named as by ``export_masked``, of 256x256 pixels.

    Faces without a picture are counted, not evaluated. ``out`` gets ``metrics.json`` and ``faces.parquet``, whose
    ``segment_id`` is the voice by which this project inpaints the face. Raises BadInput when no picture is a face's,
    and for one that can't be read or has another size.
    """
    if not pictures.is_dir():
        raise BadInput(f"{pictures}: expected a folder of pictures, found none")
    # A path comes from the folder's own list, never from an id.
    path_of = {path.name: path for path in sorted(pictures.iterdir()) if path.suffix == SUFFIX}
    names = file_names(inputs.data)
    accumulator = MetricAccumulator(inputs.metric_suite, inputs.params.jpeg_quality)
    missing: list[str] = []
    given = _given(iterate_evaluation_faces(inputs.data, inputs.params, inputs.mask_params), names, path_of, missing)
    while pairs := list(islice(given, GPU_BATCH)):
        accumulator.add([face for face, _ in pairs], [picture for _, picture in pairs])
    face_metrics = accumulator.compute()
    if not face_metrics.rows:
        expected = f"expected names like '{missing[0]}'" if missing else "there are no faces to evaluate"
        raise BadInput(f"{pictures}: none of {len(path_of)} pictures has a face's name; {expected}.")
    metrics = summarise_metrics(face_metrics, inputs.metric_suite, inputs.params)
    write_manifest(out / "faces.parquet", EvaluatedFace, face_metrics.rows)
    write_text(out / "metrics.json", as_json(metrics))
    return PredictionMetrics(metrics, n_missing=len(missing), n_unknown=len(path_of) - len(face_metrics.rows))


def _given(
    faces: Iterable[EvaluationFace], names: Mapping[str, str], path_of: Mapping[str, Path], missing: list[str]
) -> Iterator[tuple[EvaluationFace, ImageRGB]]:
    """Yield the faces that have a picture, with it; add the names of the others to ``missing``."""
    for face in faces:
        name = names[face.face_id]
        if name in path_of:
            yield face, _read(path_of[name])
        else:
            missing.append(name)


def _read(path: Path) -> ImageRGB:
    picture = read_picture(path)
    if picture.shape != (IMAGE_PX, IMAGE_PX, 3):
        found = f"{picture.shape[1]}x{picture.shape[0]}"
        raise BadInput(f"{path}: expected a picture of {IMAGE_PX}x{IMAGE_PX} pixels, found {found}")
    return picture
