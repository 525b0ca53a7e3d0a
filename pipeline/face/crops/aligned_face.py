"""Fit the landmarks of an observed face in its frame at full size, and cut it out, aligned."""

from dataclasses import dataclass

import numpy as np

from pipeline.core.base.arrays import ImageGrey, ImageRGB, Landmarks, Similarity
from pipeline.core.records.frame import Frame
from pipeline.face.backends.interface import FaceBackend, FrameReference, averaged_landmarks
from pipeline.face.crops.align import Template, crop_aligned, similarity_to, transform
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.points import eye_centres


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFace:
    """A face cut out of a frame.

    ``grey`` (H, W): the frame. ``points`` (68, 2): pixels of the frame; ``landmarks`` (68, 2): of ``picture``, the
    aligned face; ``similarity`` (2, 3) maps the ones to the others.
    """

    grey: ImageGrey
    points: Landmarks
    landmarks: Landmarks
    similarity: Similarity
    picture: ImageRGB


def align_face(frame: Frame, picture: ImageRGB, backend: FaceBackend, template: Template) -> AlignedFace | None:
    """Return the observed face of ``frame``, by landmarks fitted at full size, finer than those of the observation.

    ``picture`` (H, W, 3): the frame, decoded. None where the backend finds no face at full size.
    """
    import cv2

    reference = FrameReference(frame.clip_id, frame.time_s, picture.shape[1])
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    points = averaged_landmarks(backend, grey, box_of(frame), reference)
    if points is None:
        return None
    similarity = similarity_to(template, *eye_centres(points))
    cut = crop_aligned(picture, similarity, template.size_px)
    return AlignedFace(grey, points, transform(similarity, points), similarity, cut)


def box_of(frame: Frame) -> Box:
    """Return the box of an observed face, pixels of the full frame."""
    return Box(frame.box_x_px, frame.box_y_px, frame.box_w_px, frame.box_h_px)


def observed_eyes(frame: Frame) -> tuple[Landmarks, Landmarks]:
    """Return the centres of the image-left and image-right eye, (2,) pixels of the full frame."""
    left = np.array([frame.left_eye_x_px, frame.left_eye_y_px], np.float32)
    return left, np.array([frame.right_eye_x_px, frame.right_eye_y_px], np.float32)
