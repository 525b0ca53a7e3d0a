"""Judge another method by the same faces, masks and code: hand out what it is to inpaint, and score what it inpainted."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from model.data.split import DatasetSplit
from model.evaluation.figures import Metrics, all_figures, render
from model.evaluation.inpainted_faces import as_picture, iterate_masked_faces
from model.evaluation.metric_suite import MetricSuite
from model.evaluation.picture_table import masked
from model.evaluation.scores import InpaintedPair, compute_all_metrics
from model.networks.generator import IMAGE_PX
from model.settings import EvaluateParams, MaskParams
from pipeline.base.arrays import ImageRGB
from pipeline.base.errors import BadInput
from pipeline.base.images import encode_png, read_picture_file
from pipeline.export.names import folder_names
from pipeline.export.target import write_note, writing_export
from pipeline.records.evaluation import EvaluatedFace
from pipeline.records.person import TEST
from pipeline.storage.atomic import write_text
from pipeline.storage.manifest import write_manifest

KIND = "masked faces"
SUFFIX = ".png"
COLUMNS = ("name", "face_id", "dataset", "person_id", "segment_id")


class Scored(NamedTuple):
    """How a folder of pictures met the faces."""

    metrics: Metrics
    n_missing: int
    n_unknown: int
    """Pictures with a name that is no face's."""


def file_names(data: DatasetSplit) -> dict[str, str]:
    """Return the name of each face's picture, by face id: the id with ``=2F`` for ``/`` and so on, and ``.png``.

    Raises BadInput when two names differ in case only.
    """
    names = folder_names(data.face_ids[row] for row in range(data.n_faces))
    return {face_id: f"{name}{SUFFIX}" for face_id, name in names.items()}


def export_masked(
    data: DatasetSplit, to: Path, params: EvaluateParams, mask_params: MaskParams, *, force: bool = False
) -> int:
    """Write the faces to judge by, for other methods to inpaint; return how many there are.

    ``to`` gets ``masked/<name>.png``, the mask grey, ``masks/<name>.png``, the mask white, and ``faces.csv``, which
    face and whose a name is and by which segment it is inpainted here. The true faces are not among it. Raises BadInput
    when ``to`` holds anything but an earlier export, which ``force`` replaces.
    """
    names = file_names(data)
    rows = [COLUMNS]
    with writing_export(to, force=force) as folder:
        (folder / "masked").mkdir()
        (folder / "masks").mkdir()
        for face in iterate_masked_faces(data, params, mask_params):
            name, subject = names[face.subject.face_id], face.subject
            (folder / "masked" / name).write_bytes(encode_png(masked(subject.face, face.mask)))
            (folder / "masks" / name).write_bytes(encode_png(as_picture(face.mask)))
            rows.append((name, subject.face_id, subject.dataset, subject.person_id, subject.segment_id))
        with (folder / "faces.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        write_note(folder, KIND, {TEST: {"faces": len(rows) - 1}})
    return len(rows) - 1


def evaluate_predictions(
    pictures: Path,
    data: DatasetSplit,
    metric_suite: MetricSuite,
    params: EvaluateParams,
    mask_params: MaskParams,
    out: Path,
) -> Scored:
    """Score the pictures ``<name>.png`` in a folder, as ``export_masked`` names them, 256x256 each, as they are.

    Faces without a picture are counted, not scored. ``out`` gets ``metrics.json`` and ``faces.parquet``; their
    ``segment_id`` says by which voice this project inpaints the face. Raises BadInput when no picture is a face's, and
    for one that can't be read or has another size.
    """
    if not pictures.is_dir():
        raise BadInput(f"{pictures}: expected a folder of pictures, found none")
    # A path comes from the folder's own list, never from an id.
    path_of = {path.name: path for path in sorted(pictures.iterdir()) if path.suffix == SUFFIX}
    names, missing, known = file_names(data), [], set[str]()

    def inpainted_pairs() -> Iterator[InpaintedPair]:
        for subject, mask in iterate_masked_faces(data, params, mask_params):
            name = names[subject.face_id]
            if name in path_of:
                known.add(name)
                yield InpaintedPair(subject, mask, _read(path_of[name]))
            else:
                missing.append(name)

    scores = compute_all_metrics(inpainted_pairs(), metric_suite)
    if not scores.rows:
        expected = f"expected names like '{missing[0]}'" if missing else "there are no faces to judge by"
        raise BadInput(f"{pictures}: none of {len(path_of)} pictures is named as a face is; {expected}.")
    metrics = all_figures(scores, metric_suite, params)
    write_manifest(out / "faces.parquet", EvaluatedFace, scores.rows)
    write_text(out / "metrics.json", render(metrics))
    return Scored(metrics, n_missing=len(missing), n_unknown=len(path_of) - len(known))


def _read(path: Path) -> ImageRGB:
    picture = read_picture_file(path)
    if picture is None or picture.shape != (IMAGE_PX, IMAGE_PX, 3):
        found = "none that can be read" if picture is None else f"{picture.shape[1]}x{picture.shape[0]}"
        raise BadInput(f"{path}: expected a picture of {IMAGE_PX}x{IMAGE_PX} pixels, found {found}")
    return picture
