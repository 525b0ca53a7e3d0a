"""Inpaint the mask of a face by a voice: align, mask, inpaint, and put it back into the picture at full size."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from model.data.masks import Mask
from model.networks.generator import InpaintingGenerator
from pipeline.base.arrays import ImageRGB, Landmarks, LogMel, Similarity
from pipeline.base.errors import BadInput
from pipeline.base.torch_threads import single_thread
from pipeline.face.crops.align import Template, crop_aligned, similarity_to
from pipeline.face.measures.points import eye_centres

HALF_RANGE = 127.5
"""Half of the 255 grey levels: pixels p are p / HALF_RANGE - 1 to the network."""


@dataclass(frozen=True, slots=True)
class InpaintedFace:
    """An aligned face after inpainting, and what the voice alone looks like."""

    face: ImageRGB
    """(256, 256, 3): outside the mask the pixels that were given."""
    audio_face: ImageRGB | None
    """(256, 256, 3): what the audio-face decoder draws; None where the network has none."""


def inpaint_face(network: InpaintingGenerator, face: ImageRGB, mask: Mask, log_mel: LogMel) -> InpaintedFace:
    """Inpaint the mask of one aligned face (256, 256, 3) by a voice (M, F); the network is in evaluation mode."""
    known = torch.from_numpy(face).permute(2, 0, 1)[None].float() / HALF_RANGE - 1
    mask_11HW = torch.from_numpy(mask)[None, None].float()
    voice = torch.tensor(log_mel)[None]
    device = next(network.parameters()).device
    with single_thread(), torch.inference_mode():
        inpainted = network((known * (1 - mask_11HW)).to(device), mask_11HW.to(device), voice.to(device))
    fresh = as_image(inpainted.composite_BCHW)
    drawn = None if inpainted.audio_face_BCHW is None else as_image(inpainted.audio_face_BCHW)
    return InpaintedFace(np.where(mask[..., None] == 1, fresh, face), drawn)


def as_image(face_1CHW: torch.Tensor) -> ImageRGB:
    """Return (H, W, 3) uint8 of one picture (1, 3, H, W) in [-1, 1]; what lies outside is clipped."""
    levels = ((face_1CHW[0].float().cpu() + 1) * HALF_RANGE).round().clamp(0, 255)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy().astype(np.uint8))


def inpaint_picture(
    network: InpaintingGenerator, picture: ImageRGB, points: Landmarks, mask: Mask, log_mel: LogMel, template: Template
) -> ImageRGB:
    """Return ``picture`` (H, W, 3) with the mask (H, W) in the face with these ``points`` inpainted, at full size.

    Pixels outside the mask stay as they are. Raises BadInput when the mask has no pixel in the face's square.
    """
    similarity = similarity_to(template, *eye_centres(points))
    face = crop_aligned(picture, similarity, template.size_px)
    mask_in_face = _carried(mask, similarity, (template.size_px, template.size_px))
    if not mask_in_face.any():
        raise BadInput("mask: expected white where the face is to be inpainted, found none within the face's square")
    inpainted = inpaint_face(network, face, mask_in_face, log_mel).face
    return put_back(picture, inpainted, mask, similarity)


def mask_in_picture(mask_in_face: Mask, similarity: Similarity, size_px: tuple[int, int]) -> Mask:
    """Return where the mask of an aligned face lies in its picture of ``size_px`` (height, width)."""
    return _carried(mask_in_face, cv2.invertAffineTransform(similarity), size_px)


def put_back(picture: ImageRGB, face: ImageRGB, mask: Mask, similarity: Similarity) -> ImageRGB:
    """Return ``picture`` with those pixels of the mask that the aligned ``face`` covers taken from it."""
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
    return np.where((mask & covered)[..., None] == 1, laid, picture).astype(np.uint8)


def _carried(mask: Mask, similarity: Similarity, size_px: tuple[int, int]) -> Mask:
    height, width = size_px
    return np.asarray(cv2.warpAffine(mask, similarity, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
