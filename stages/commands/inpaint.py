"""Inpaint a face by a voice, in a picture or a video: what the trained network is for."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.base.errors import BadInput
from pipeline.base.layout import Layout
from pipeline.base.params import load_params

if TYPE_CHECKING:
    from pipeline.base.arrays import ImageRGB, Landmarks, LogMel

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v"})
LONGEST_SOUND_S = 600.0


def inpaint_file(
    source: Path,
    sound: Path,
    out: Path,
    *,
    mask: Path | None,
    eyes_px: tuple[float, float, float, float] | None,
    model: Path | None,
    at: Layout = Layout(),
) -> str:
    """Inpaint the face of a picture or a video by the voice of ``sound``; return a sentence on what was done.

    ``mask`` is a black and white picture as large as ``source``, white where it is to be inpainted; None: the mask that
    params.yaml trains with, over eyes, nose and mouth. ``eyes_px`` are the eye centres of a picture, left x, left y,
    right x, right y, for a face whose mask hides it from the detector. ``model`` is another network than this
    checkout's. Raises BadInput for what can't be read, shows no face, or holds no speech.
    """
    from model.inference.video import inpaint_video
    from model.networks.generator_file import load_generator
    from pipeline.face.tracking.settings import DetectParams

    weights = model or at.model("generator")
    if not weights.is_file():
        raise BadInput(f"{weights}: no trained network yet: run 'dvc repro', or give one with --model.")
    inpaint = partial(_inpaint, load_generator(weights).eval(), mask=mask, log_mel=voice_of(sound, at), at=at)
    detect = load_params(DetectParams, "detect", at.params)
    if source.suffix.lower() in VIDEO_SUFFIXES:
        if eyes_px is not None:
            raise BadInput("--eyes: expected a picture; in a video the eyes move")
        n_inpainted, n_frames = inpaint_video(source, out, inpaint, detect)
        return f"{out}: {n_inpainted} of {n_frames} frames inpainted; marked as synthetic"
    _inpaint_picture(source, out, inpaint, eyes_px, detect)
    return f"{out}: inpainted; marked as synthetic"


def voice_of(sound: Path, at: Layout = Layout()) -> "LogMel":
    """Return the log-mel (M, F) of the first segment of a file's sound that holds speech, as params.yaml has them."""
    from pipeline.audio.extract import extract_waveform
    from pipeline.audio.features import SegmentFeature, segment_features
    from pipeline.audio.settings import AudioParams
    from pipeline.base.errors import BadMedia

    params = load_params(AudioParams, "audio", at.params)
    try:
        waveform = extract_waveform(sound, max_duration_s=min(LONGEST_SOUND_S, params.max_duration_s))
    except BadMedia as error:
        raise BadInput(f"{sound}: expected sound: {error.reason}, {error.detail}") from None
    for _, feature in segment_features(waveform, params):
        if isinstance(feature, SegmentFeature):
            return feature.log_mel
    raise BadInput(f"{sound}: expected speech, found none: no {params.segment_s:g} s of it have enough voice")


def _inpaint_picture(
    source: Path, out: Path, inpaint: Any, eyes_px: tuple[float, float, float, float] | None, detect: Any
) -> None:
    from model.inference.marked_pictures import write_marked
    from pipeline.base.images import read_picture_file
    from pipeline.face.backends.registry import build_backend
    from pipeline.face.tracking.portrait import find_portrait

    picture = read_picture_file(source)
    if picture is None:
        raise BadInput(f"{source}: expected a JPEG or PNG picture, or a video")
    points = (
        find_portrait(picture, build_backend(detect.backend), detect) if eyes_px is None else points_of_eyes(eyes_px)
    )
    if points is None:
        raise BadInput(f"{source}: no face is found. Say where its eyes are: --eyes LEFT_X,LEFT_Y,RIGHT_X,RIGHT_Y")
    write_marked(inpaint(picture, points), out)


def eyes_of(text: str) -> tuple[float, float, float, float]:
    """Return the four numbers of ``--eyes``; raises BadInput for anything else, and for eyes in one place."""
    try:
        left_x, left_y, right_x, right_y = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"--eyes {text}: expected LEFT_X,LEFT_Y,RIGHT_X,RIGHT_Y in pixels") from None
    if not abs(right_x - left_x) + abs(right_y - left_y) >= 1:
        raise BadInput(f"--eyes {text}: expected eyes that are at least a pixel apart")
    return left_x, left_y, right_x, right_y


def points_of_eyes(eyes_px: tuple[float, float, float, float]) -> "Landmarks":
    """Return 68 points of which only the eyes are true: all of an eye's lie in its centre."""
    import numpy as np

    from pipeline.face.measures.points import LEFT_EYE, N_POINTS, RIGHT_EYE

    points = np.zeros((N_POINTS, 2), np.float32)
    points[LEFT_EYE], points[RIGHT_EYE] = eyes_px[:2], eyes_px[2:]
    return points


def _inpaint(
    network: Any, picture: "ImageRGB", points: "Landmarks", *, mask: Path | None, log_mel: "LogMel", at: Layout
) -> "ImageRGB":
    import numpy as np

    from model.data.masks import draw_mask
    from model.inference.inpaint import inpaint_picture, mask_in_picture
    from model.settings import MaskParams
    from pipeline.face.crops.align import Template, similarity_to
    from pipeline.face.measures.points import eye_centres

    template = load_params(Template, "crop.template", at.params)
    size_px = (picture.shape[0], picture.shape[1])
    if mask is not None:
        whole_mask = read_mask(mask, size_px)
    else:
        drawn = draw_mask(load_params(MaskParams, "mask", at.params), np.random.default_rng(0), template.size_px)
        whole_mask = mask_in_picture(drawn, similarity_to(template, *eye_centres(points)), size_px)
    return inpaint_picture(network, picture, points, whole_mask, log_mel, template)


def read_mask(mask: Path, size_px: tuple[int, int]) -> Any:
    """Return (H, W) uint8, 1 where the black and white picture ``mask`` of ``size_px`` (height, width) is white."""
    import numpy as np

    from pipeline.base.images import read_picture_file

    drawn = read_picture_file(mask)
    if drawn is None:
        raise BadInput(f"{mask}: expected a JPEG or PNG picture, white where the face is to be inpainted")
    if drawn.shape[:2] != size_px:
        height, width = size_px
        found = f"{drawn.shape[1]} x {drawn.shape[0]}"
        raise BadInput(f"{mask}: expected a mask as large as the picture, {width} x {height} px, found {found}")
    return (drawn.mean(axis=2) >= np.iinfo(np.uint8).max / 2).astype(np.uint8)
