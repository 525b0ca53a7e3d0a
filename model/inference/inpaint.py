"""Inpaint the masked region of a face by a voice: align, mask, inpaint, and warp back into the full-size picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch

from model.data.masks import Mask
from model.inference.seam import without_seam
from model.networks.audio_face import AudioFace
from model.networks.generator import InpaintingGenerator
from pipeline.core.base.arrays import ImageRGB, Landmarks, LogMel, Similarity
from pipeline.core.base.device import inferred_in_threads
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
    return inpaint_faces(network, [face], [mask], [log_mel])[0]


def inpaint_faces(
    network: InpaintingGenerator,
    faces: Sequence[ImageRGB],
    masks: Sequence[Mask],
    log_mels: Sequence[LogMel],
    at_once: int = 1,
) -> list[InpaintedFace]:
    """Inpaint faces as ``inpaint_face`` does, by log-mels of one length: a GPU all at once, a processor each by itself.

    So on a processor no bit depends on the other faces; on a GPU a value may differ in its last bits. A processor takes
    ``at_once`` faces at once, each on torch's threads, and decodes an audio face for each log-mel, not for each face.
    """
    if next(network.parameters()).device.type != "cpu":
        with torch.inference_mode():
            return _inpainted(network, faces, masks, _hear(network, log_mels))
    keys = [log_mel.tobytes() for log_mel in log_mels]
    different = dict(zip(keys, log_mels, strict=True))
    heard = dict(
        zip(different, inferred_in_threads(lambda one: _hear(network, [one]), different.values(), at_once), strict=True)
    )

    def inpaint(item: tuple[ImageRGB, Mask, bytes]) -> InpaintedFace:
        face, mask, key = item
        return _inpainted(network, [face], [mask], heard[key])[0]

    return inferred_in_threads(inpaint, zip(faces, masks, keys, strict=True), at_once)


class _Heard(NamedTuple):
    """Voice embeddings and audio faces of B log-mels; None where the network has none."""

    voice_B64: torch.Tensor | None
    audio_face: AudioFace | None


def _hear(network: InpaintingGenerator, log_mels: Sequence[LogMel]) -> _Heard:
    log_mels_BMT = torch.from_numpy(np.stack(log_mels)).to(next(network.parameters()).device)
    voice_B64 = network.embed_voice(log_mels_BMT)
    return _Heard(voice_B64, None if network.audio_face is None else network.audio_face(voice_B64))


def _inpainted(
    network: InpaintingGenerator, faces: Sequence[ImageRGB], masks: Sequence[Mask], heard: _Heard
) -> list[InpaintedFace]:
    """Inpaint all faces at once, each by the voice at its place."""
    device = next(network.parameters()).device
    masks_B1HW = torch.from_numpy(np.stack(masks))[:, None].to(device).float()
    known_BCHW = torch.from_numpy(np.stack(faces)).to(device).permute(0, 3, 1, 2).float() / HALF_RANGE - 1
    inpainted = network.inpaint(known_BCHW * (1 - masks_B1HW), masks_B1HW, *heard)
    composites = as_images(inpainted.composite_BCHW)
    audio_faces: Sequence[ImageRGB | None] = [None] * len(faces)
    if inpainted.audio_face_BCHW is not None:
        audio_faces = as_images(inpainted.audio_face_BCHW)
    return [
        InpaintedFace(np.where(mask[..., None] == 1, composite, face), audio_face)
        for mask, composite, face, audio_face in zip(masks, composites, faces, audio_faces, strict=True)
    ]


def as_images(faces_BCHW: torch.Tensor) -> list[ImageRGB]:
    """Return (H, W, 3) uint8 each of pictures (B, 3, H, W) in [-1, 1]; values outside are clipped."""
    levels = ((faces_BCHW.float() + 1) * HALF_RANGE).round().clamp(0, 255).to(torch.uint8)
    return list(np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy()))


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
    """Return ``picture`` with the masked pixels that the aligned ``face`` covers replaced by those of the face.

    Steps of colour at the mask's border fade out within it.
    """
    back = cv2.invertAffineTransform(similarity)
    scale = float(np.hypot(back[0, 0], back[1, 0]))
    if scale < 1:  # the warp samples four pixels and would alias
        side = max(1, round(len(face) * scale))
        to_full = len(face) / side
        # Pixel centres lie at integers: a pixel of the shrunk face is the centre of a square.
        back = back @ np.array([[to_full, 0, to_full / 2 - 0.5], [0, to_full, to_full / 2 - 0.5], [0, 0, 1]])
        face = np.asarray(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    height, width = picture.shape[:2]
    warped = cv2.warpAffine(face, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    covered = _warp_mask(np.ones(face.shape[:2], np.uint8), back, (height, width))
    region = mask & covered
    pasted = np.where(region[..., None] == 1, warped, picture).astype(np.uint8)
    return without_seam(picture, pasted, region, mask, scale)


def _warp_mask(mask: Mask, similarity: Similarity, size_px: tuple[int, int]) -> Mask:
    height, width = size_px
    return np.asarray(cv2.warpAffine(mask, similarity, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
