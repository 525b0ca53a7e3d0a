"""Finish cropped faces as HQ-VoxCeleb's: pupils at fixed places, the background white, the expression measured."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.core.base.arrays import ImageGrey, ImageRGB, Landmarks, Similarity
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.images import decode_png, encode_png
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import Params
from pipeline.core.records.face import Face, FaceExpression
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import Image
from pipeline.face.crops.align import Template, crop_aligned, similarity_to, transform
from pipeline.face.crops.background import SELFIE_SEGMENTATION, PersonSegmenter, SelfieSegmenter, whiten
from pipeline.face.crops.crop import ObservedClip, pictures_at
from pipeline.face.crops.verify import FACE_MESH
from pipeline.face.measures.points import eye_centres
from pipeline.face.mesh.expression import Blendshapes, ExpressionNetwork
from pipeline.face.mesh.face_mesh import FaceMesh, MeshFit
from pipeline.face.mesh.iris import find_pupils
from pipeline.face.mesh.mesh_measures import MeshPoints
from pipeline.face.mesh.region import Region
from pipeline.weights.fetch import find_weights

_MIN_PRESENCE = 0.5  # below it the mesh is of no face


FinishedRow = Face | FaceExpression | LedgerRow


class FinishParams(Params):
    """Section ``finish`` of params.yaml."""

    align_by: Literal["eyes", "pupils"]
    """What stands at the template's eyes: ``eyes``, the centres of their outlines, or ``pupils``."""
    background: Literal["keep", "white"]
    measure_expression: bool

    @property
    def is_needed(self) -> bool:
        """Whether anything is done to the faces as they were cropped."""
        return self.align_by == "pupils" or self.background == "white" or self.measure_expression


class Finisher:
    """The crop step with what ``params`` ask for done to each face; networks are loaded once a worker, when needed."""

    def __init__(
        self,
        cropper: Callable[[ObservedClip, Path], list[Face] | Dropped],
        template: Template,
        params: FinishParams,
        *,
        segmenter: PersonSegmenter | None = None,
        expression: ExpressionNetwork | None = None,
    ) -> None:
        """``cropper`` is what crops; ``segmenter`` and ``expression``: others than those of MediaPipe."""
        self._cropper, self._template, self._params = cropper, template, params
        self._segmenter, self._expression = segmenter, expression
        self._mesh: FaceMesh | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mesh": None, "_segmenter": None, "_expression": None}

    def __call__(self, item: ObservedClip, folder: Path) -> list[FinishedRow] | Dropped:
        """Return the faces of one clip, their expressions, and how each ended; one without pupils is left out."""
        faces = self._cropper(item, folder)
        if isinstance(faces, Dropped):
            return faces
        by_time: dict[float, list[Face]] = defaultdict(list)
        for face in faces:
            by_time[face.time_s].append(face)
        rows: list[FinishedRow] = []
        try:
            for time_s, picture in pictures_at(item.clip, sorted(by_time)):
                for face in by_time[time_s]:
                    finished = self._finished(face, picture)
                    if isinstance(finished, Dropped):
                        rows.append(ledger_row("crop", face.face_id, finished))
                    else:
                        rows += [ledger_row("crop", face.face_id), *finished]
        except BadMedia as error:
            return Dropped.failed(error.reason, error.detail)
        return rows

    def _finished(self, face: Face, picture: ImageRGB) -> list[Face | FaceExpression] | Dropped:
        """Return ``face``, whose frame is ``picture`` (H, W, 3), finished."""
        alignment = face.alignment.reshape(2, 3).astype(np.float64)
        landmarks, cut = face.landmarks_px.reshape(-1, 2), decode_png(face.image.bytes)
        in_frame = transform(inverse(alignment), landmarks)
        fit = self._fit(picture, in_frame)
        if fit.presence < _MIN_PRESENCE:
            return Dropped.filtered("no_face", f"mesh presence {fit.presence:.3g} < {_MIN_PRESENCE:g}")
        if self._params.align_by == "pupils":
            found = find_pupils(_grey(picture), fit.points)
            if found is None:
                return Dropped.filtered("no_pupils", "an iris has no edges to its left and right: a lid, light or blur")
            alignment = similarity_to(self._template, *found)
            landmarks = transform(alignment, in_frame)
            cut = crop_aligned(picture, alignment, self._template.size_px)
        if self._params.background == "white":
            cut = whiten(cut, self._segmented(cut))
        png = encode_png(cut)
        finished = replace(
            face,
            image_sha256=hashlib.sha256(png).hexdigest(),
            image=Image(png, face.image.path),
            landmarks_px=landmarks.reshape(-1),
            alignment=alignment.astype(np.float32).reshape(-1),
        )
        return [finished, *self._measured(face, fit.points)]

    def _fit(self, picture: ImageRGB, landmarks: Landmarks) -> MeshFit:
        """Return the mesh of the face with these landmarks, (68, 2) pixels of ``picture``."""
        self._mesh = self._mesh or FaceMesh(find_weights(FACE_MESH))
        return self._mesh.fit_again(picture, Region.of_eyes(*eye_centres(landmarks)))

    def _segmented(self, cut: ImageRGB) -> Any:
        self._segmenter = self._segmenter or SelfieSegmenter(find_weights(SELFIE_SEGMENTATION))
        return self._segmenter.person_share(cut)

    def _measured(self, face: Face, mesh: MeshPoints) -> list[FaceExpression]:
        if not self._params.measure_expression:
            return []
        self._expression = self._expression or Blendshapes(find_weights(FACE_MESH))
        value = self._expression.expression(mesh)
        return [FaceExpression(face_id=face.face_id, clip_id=face.clip_id, expression=value)]


def _grey(picture: ImageRGB) -> ImageGrey:
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def inverse(similarity: Similarity) -> Similarity:
    """Return the (2, 3) map back."""
    turn = np.linalg.inv(similarity[:, :2])
    return np.hstack([turn, -turn @ similarity[:, 2:]])
