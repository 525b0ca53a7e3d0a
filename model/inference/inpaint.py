"""Inpaint the masked region of a face by a voice: align, mask, inpaint, and warp back into the full-size picture."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from model.data.masks import Mask
from model.networks.generator import InpaintingGenerator
from pipeline.core.base.arrays import ImageRGB, Landmarks, LogMel, Similarity
from pipeline.core.base.errors import BadInput
from pipeline.face.crops.align import Template, crop_aligned, similarity_to
from pipeline.face.measures.points import eye_centres

HALF_RANGE = 127.5
"""Half of the 255 grey levels: the network's input is p / HALF_RANGE - 1 for a pixel p."""


@dataclass(frozen=True, slots=True)
class InpaintedFace:
    """An aligned face after inpainting, and the audio face."""

    face: ImageRGB
    """(256, 256, 3) uint8: the true pixels outside the mask."""
    audio_face: ImageRGB | None
    """(256, 256, 3) uint8: the output of the audio-face decoder; None where the network has none."""


def inpaint_face(network: InpaintingGenerator, face: ImageRGB, mask: Mask, log_mel: LogMel) -> InpaintedFace:
    """Inpaint the masked region of one aligned face (256, 256, 3) by a log-mel (M, F).

    The network is in evaluation mode, on any device.
    """
    known = torch.tensor(face).permute(2, 0, 1)[None].float() / HALF_RANGE - 1
    mask_11HW = torch.tensor(mask)[None, None].float()
    log_mels = torch.tensor(log_mel)[None]
    device = next(network.parameters()).device
    with torch.inference_mode():
        inpainted = network((known * (1 - mask_11HW)).to(device), mask_11HW.to(device), log_mels.to(device))
    composite = as_image(inpainted.composite_BCHW)
    audio_face = None if inpainted.audio_face_BCHW is None else as_image(inpainted.audio_face_BCHW)
    return InpaintedFace(np.where(mask[..., None] == 1, composite, face), audio_face)


def as_image(face_1CHW: torch.Tensor) -> ImageRGB:
    """Return (H, W, 3) uint8 of one picture (1, 3, H, W) in [-1, 1]; values outside are clipped."""
    levels = ((face_1CHW[0].float().cpu() + 1) * HALF_RANGE).round().clamp(0, 255)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy().astype(np.uint8))


def inpaint_picture(
    network: InpaintingGenerator, picture: ImageRGB, points: Landmarks, mask: Mask, log_mel: LogMel, template: Template
) -> ImageRGB:
    """Return ``picture`` (H, W, 3) with the mask (H, W) of the face with these 68 ``points`` inpainted, at full size.

    Pixels outside the mask are not changed. Raises BadInput when no pixel of the mask is in the face's square.
    """
    similarity = similarity_to(template, *eye_centres(points))
    face = crop_aligned(picture, similarity, template.size_px)
    mask_in_face = _warp_mask(mask, similarity, (template.size_px, template.size_px))
    if not mask_in_face.any():
        raise BadInput("mask: expected white where the face is to be inpainted, found none within the face's square")
    inpainted = inpaint_face(network, face, mask_in_face, log_mel).face
    return paste_face(picture, inpainted, mask, similarity)


def mask_in_picture(mask_in_face: Mask, similarity: Similarity, size_px: tuple[int, int]) -> Mask:
    """Return the mask of an aligned face in the coordinates of its picture of ``size_px`` (height, width)."""
    return _warp_mask(mask_in_face, cv2.invertAffineTransform(similarity), size_px)


def paste_face(picture: ImageRGB, face: ImageRGB, mask: Mask, similarity: Similarity) -> ImageRGB:
    """Return ``picture`` with the masked pixels that the aligned ``face`` covers replaced by those of the face."""
    back = cv2.invertAffineTransform(similarity)
    shrink = float(np.hypot(back[0, 0], back[1, 0]))
    if shrink < 1:  # the warp samples four pixels and would alias
        side = max(1, round(len(face) * shrink))
        to_full = len(face) / side
        # Pixel centres lie at integers: a pixel of the shrunk face is the centre of a square.
        back = back @ np.array([[to_full, 0, to_full / 2 - 0.5], [0, to_full, to_full / 2 - 0.5], [0, 0, 1]])
        face = np.asarray(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    height, width = picture.shape[:2]
    warped = cv2.warpAffine(face, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    covered = _warp_mask(np.ones(face.shape[:2], np.uint8), back, (height, width))
    return np.where((mask & covered)[..., None] == 1, warped, picture).astype(np.uint8)


def _warp_mask(mask: Mask, similarity: Similarity, size_px: tuple[int, int]) -> Mask:
    height, width = size_px
    return np.asarray(cv2.warpAffine(mask, similarity, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
