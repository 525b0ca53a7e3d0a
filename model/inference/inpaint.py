"""Paint the hole of a face by a voice: align, mask, paint, and put it back into the picture at full size."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from model.networks.generator import Inpainter
from pipeline.base.arrays import ImageRGB, Landmarks, LogMel, Similarity
from pipeline.base.errors import BadInput
from pipeline.base.torch_threads import single_thread
from pipeline.face.crops.align import Template, crop_aligned, similarity_to
from pipeline.face.measures.points import eye_centres

Hole = NDArray[np.uint8]
"""(H, W) uint8: 1 is to be painted, 0 is known."""

HALF_RANGE = 127.5
"""Half of the 255 grey levels: pixels p are p / HALF_RANGE - 1 to the network."""


@dataclass(frozen=True, slots=True)
class PaintedFace:
    """An aligned face after painting, and what the voice alone looks like."""

    face: ImageRGB
    """(256, 256, 3): outside the hole the pixels that were given."""
    audio_face: ImageRGB | None
    """(256, 256, 3): what the audio-face decoder draws; None where the network has none."""


def paint_face(network: Inpainter, face: ImageRGB, hole: Hole, log_mel: LogMel) -> PaintedFace:
    """Paint the hole of one aligned face (256, 256, 3) by a voice (M, F); the network is in evaluation mode."""
    known = torch.from_numpy(face).permute(2, 0, 1)[None].float() / HALF_RANGE - 1
    mask = torch.from_numpy(hole)[None, None].float()
    voice = torch.tensor(log_mel)[None]
    device = next(network.parameters()).device
    with single_thread(), torch.inference_mode():
        painted = network((known * (1 - mask)).to(device), mask.to(device), voice.to(device))
    fresh = as_image(painted.composite_BCHW)
    drawn = None if painted.audio_face_BCHW is None else as_image(painted.audio_face_BCHW)
    return PaintedFace(np.where(hole[..., None] == 1, fresh, face), drawn)


def as_image(face_1CHW: torch.Tensor) -> ImageRGB:
    """Return (H, W, 3) uint8 of one picture (1, 3, H, W) in [-1, 1]; what lies outside is clipped."""
    levels = ((face_1CHW[0].float().cpu() + 1) * HALF_RANGE).round().clamp(0, 255)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy().astype(np.uint8))


def paint_picture(
    network: Inpainter, picture: ImageRGB, points: Landmarks, hole: Hole, log_mel: LogMel, template: Template
) -> ImageRGB:
    """Return ``picture`` (H, W, 3) with the hole (H, W) in the face with these ``points`` painted, at full size.

    Pixels outside the hole stay as they are. Raises BadInput when the hole has no pixel in the face's square.
    """
    similarity = similarity_to(template, *eye_centres(points))
    face = crop_aligned(picture, similarity, template.size_px)
    hole_in_face = _carried(hole, similarity, (template.size_px, template.size_px))
    if not hole_in_face.any():
        raise BadInput("mask: expected white where the face is to be painted, found none within the face's square")
    painted = paint_face(network, face, hole_in_face, log_mel).face
    return put_back(picture, painted, hole, similarity)


def hole_in_picture(hole_in_face: Hole, similarity: Similarity, size_px: tuple[int, int]) -> Hole:
    """Return where the hole of an aligned face lies in its picture of ``size_px`` (height, width)."""
    return _carried(hole_in_face, cv2.invertAffineTransform(similarity), size_px)


def put_back(picture: ImageRGB, face: ImageRGB, hole: Hole, similarity: Similarity) -> ImageRGB:
    """Return ``picture`` with those pixels of the hole that the aligned ``face`` covers taken from it."""
    back = cv2.invertAffineTransform(similarity)
    shrink = float(np.hypot(back[0, 0], back[1, 0]))
    if shrink < 1:  # the warp samples four pixels and would alias
        side = max(1, round(len(face) * shrink))
        to_full = len(face) / side
        # Pixel centres lie at integers: those of the shrunk face stand for the middles of squares.
        back = back @ np.array([[to_full, 0, to_full / 2 - 0.5], [0, to_full, to_full / 2 - 0.5], [0, 0, 1]])
        face = np.asarray(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    height, width = picture.shape[:2]
    laid = cv2.warpAffine(face, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    covered = _carried(np.ones(face.shape[:2], np.uint8), back, (height, width))
    return np.where((hole & covered)[..., None] == 1, laid, picture).astype(np.uint8)


def _carried(hole: Hole, similarity: Similarity, size_px: tuple[int, int]) -> Hole:
    height, width = size_px
    return np.asarray(cv2.warpAffine(hole, similarity, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
