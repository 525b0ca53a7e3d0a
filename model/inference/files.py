"""Inpaint the face of a picture or video file by the voice in a sound file."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from model.data.mask_files import FULL, MaskShares, read_mask_file
from model.inference.inpaint import inpaint_picture, mask_in_picture
from model.inference.marked_pictures import write_marked
from model.inference.use_of_network import UseOfNetwork, use_as_trained
from model.inference.video import InpaintFrame, inpaint_video
from model.networks.generator import InpaintingGenerator
from model.networks.generator_file import load_generator_file
from pipeline.audio.extract import extract_waveform
from pipeline.audio.features import SegmentFeature, segment_features
from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import ImageRGB, Landmarks, LogMel
from pipeline.core.base.device import read_device
from pipeline.core.base.errors import BadInput, BadMedia
from pipeline.core.base.images import read_picture
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.storage.json_file import read_json_if_any
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.align import similarity_to
from pipeline.face.measures.points import LEFT_EYE, N_POINTS, RIGHT_EYE, eye_centres
from pipeline.face.tracking.portrait import find_portrait
from pipeline.face.tracking.settings import DetectParams
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.video.streams import has_video_suffix

LONGEST_SOUND_S = 600.0

EyesPx = tuple[float, float, float, float]
"""Eye centres in a picture, pixels: left x, left y, right x, right y."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InpaintOptions:
    """What may replace the defaults of ``inpaint_file``."""

    mask: Path | None = None
    """A picture as large as the source is shown, by ``read_mask_file``; None: the mask of params.yaml."""
    eyes_px: EyesPx | None = None
    """The eye centres of a face whose mask hides it from the detector; None: the face is detected."""
    network: Path | None = None
    """The file of a trained network; None: that of the checkout."""


def inpaint_file(
    source: Path, sound: Path, out: Path, options: InpaintOptions = InpaintOptions(), at: Layout = Layout()
) -> str:
    """Inpaint the face of a picture or a video by the voice in ``sound``; return a message with the result.

    The network runs on the device of FACEVOX_DEVICE, on the processor with as many threads as torch takes by default.
    Raises BadInput for no such device, files that can't be read, a source without a face, and sound without speech.
    """
    device = read_device()
    weights = options.network or _trained_here(at)
    network, trained_with = load_generator_file(weights)
    use = use_as_trained(trained_with, at)
    mask = None if options.mask is None else _MaskOfFile(options.mask, read_mask_file(options.mask))
    inpaint = partial(_inpaint, network.to(device), mask=mask, log_mel=read_voice(sound, use.audio), use=use)
    detect = load_params(DetectParams, "detect", at.params)
    if has_video_suffix(source):
        if options.eyes_px is not None:
            raise BadInput("--eyes: expected a picture; in a video the eyes move")
        n_inpainted, n_frames = inpaint_video(
            source, out, inpaint, detect, load_params(SubjectsParams, "subjects", at.params)
        )
        return f"{out}: {n_inpainted} of {n_frames} frames inpainted; marked as synthetic\n{use.sentence}"
    _inpaint_picture_file(source, out, inpaint, options.eyes_px, detect)
    return f"{out}: inpainted; marked as synthetic\n{use.sentence}"


def _trained_here(at: Layout) -> Path:
    """Return the file of this checkout's generator; raises BadInput, with the remedy, where none is trained."""
    weights, remedy = at.model("generator"), "'dvc repro train' trains one; or choose a file with --model."
    if not weights.is_file():
        raise BadInput(f"no network is trained here yet ({weights}): {remedy}")
    note = read_json_if_any(at.model_note("generator"))  # a network copied here by hand has none
    if note is not None and note.get("generator") is None:
        raise BadInput(f"no network is trained here: {note.get('reason', '')} When that is mended, {remedy}")
    return weights


def read_voice(sound: Path, params: AudioParams) -> LogMel:
    """Return the log-mel (M, F) of the first segment of a file that has speech.

    Raises BadInput for a file without sound or speech.
    """
    try:
        waveform = extract_waveform(sound, max_duration_s=min(LONGEST_SOUND_S, params.max_duration_s))
    except BadMedia as error:
        raise BadInput(f"{sound}: expected sound: {error.reason}, {error.detail}") from None
    for _, feature in segment_features(waveform, params):
        if isinstance(feature, SegmentFeature):
            return feature.log_mel
    raise BadInput(f"{sound}: expected speech, found none: no {params.segment_s:g} s of it have enough voice")


@dataclass(frozen=True, slots=True)
class _MaskOfFile:
    path: Path
    shares: MaskShares

    def of_size(self, size_px: tuple[int, int]) -> MaskShares:
        """Return the shares of a picture of ``size_px`` (height, width); raises BadInput for another size."""
        if self.shares.shape == size_px:
            return self.shares
        found = self.shares.shape
        hint = (
            ", which is the picture on its side: draw the mask on it as it is shown" if found == size_px[::-1] else ""
        )
        raise BadInput(
            f"{self.path}: expected a mask as large as the picture, {size_px[1]} x {size_px[0]} px, "
            f"found {found[1]} x {found[0]}{hint}"
        )


def parse_eyes(text: str) -> EyesPx:
    """Return the four numbers of ``--eyes``; raises BadInput for anything else, and for eyes not a pixel apart."""
    try:
        left_x, left_y, right_x, right_y = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"--eyes {text}: expected LEFT_X,LEFT_Y,RIGHT_X,RIGHT_Y in pixels") from None
    if not abs(right_x - left_x) + abs(right_y - left_y) >= 1:
        raise BadInput(f"--eyes {text}: expected eyes that are at least a pixel apart")
    return left_x, left_y, right_x, right_y


def points_of_eyes(eyes_px: EyesPx) -> Landmarks:
    """Return 68 points of which only the eyes are set: all points of an eye are its centre."""
    points = np.zeros((N_POINTS, 2), np.float32)
    points[LEFT_EYE], points[RIGHT_EYE] = eyes_px[:2], eyes_px[2:]
    return points


def _inpaint_picture_file(
    source: Path, out: Path, inpaint: InpaintFrame, eyes_px: EyesPx | None, detect: DetectParams
) -> None:
    try:
        picture = read_picture(source)
    except BadInput as error:
        raise BadInput(f"{error}. A video is known by its suffix, such as .mp4 or .mov.") from None
    if eyes_px is None:
        points = find_portrait(picture, build_backend(detect.backend), detect)
    else:
        points = points_of_eyes(eyes_px)
    if points is None:
        raise BadInput(f"{source}: no face is found. State where its eyes are: --eyes LEFT_X,LEFT_Y,RIGHT_X,RIGHT_Y")
    write_marked(inpaint(picture, points), out)


def _inpaint(
    network: InpaintingGenerator,
    picture: ImageRGB,
    points: Landmarks,
    *,
    mask: _MaskOfFile | None,
    log_mel: LogMel,
    use: UseOfNetwork,
) -> ImageRGB:
    """Inpaint one picture, or one frame of a video."""
    template = use.template
    size_px = (picture.shape[0], picture.shape[1])
    if mask is not None:
        shares = mask.of_size(size_px)
        inpainted = inpaint_picture(network, picture, points, np.asarray(shares > 0, np.uint8), log_mel, template)
        return mixed(picture, inpainted, shares)
    picture_mask = mask_in_picture(use.face_mask, similarity_to(template, *eye_centres(points)), size_px)
    return inpaint_picture(network, picture, points, picture_mask, log_mel, template)


def mixed(picture: ImageRGB, inpainted: ImageRGB, shares: MaskShares) -> ImageRGB:
    """Return ``picture`` with its ``shares`` of ``inpainted``: at a soft edge one passes into the other."""
    share = shares[..., None].astype(np.float32) / FULL
    return np.asarray((picture + (inpainted.astype(np.float32) - picture) * share).round(), np.uint8)
