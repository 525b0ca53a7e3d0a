"""Inpaint the main face of a video by a voice, frame by frame; frame times and sound are kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import ffmpeg
import numpy as np

from model.inference.marked_pictures import NOTICE
from pipeline.audio.extract import played_sound
from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.errors import BadInput, BadMedia
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.frame import Frame
from pipeline.core.records.track import Track
from pipeline.core.storage.atomic import replacing
from pipeline.face.backends.interface import averaged_landmarks
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.aligned_face import box_of
from pipeline.face.measures.boxes import Box
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.main_face import MainFaceParams, main_face, moving_presence
from pipeline.speaker.observe import Observer
from pipeline.video.clip import MediaClip
from pipeline.video.decode import rgb_frames
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.picture import ONE_THREAD
from pipeline.video.probe import probe

X264_OPTIONS = {"preset": "fast", "crf": "18"}
TICKS_PER_S = 90_000
SOUND_RATE_HZ = 48_000  # that of video; AAC has no higher one that all players play
# FFmpeg's numbers. Tagged, so that no player has to tell the colours from the size.
BT709, VIDEO_RANGE = 1, 1

InpaintFrame = Callable[[ImageRGB, Landmarks], ImageRGB]
"""From a picture and its face's 68 points to the inpainted picture."""


def inpaint_video(
    source: Path, out: Path, inpaint: InpaintFrame, params: DetectParams, main_params: MainFaceParams
) -> tuple[int, int]:
    """Write ``source`` with the face of its main track inpainted, as mp4; return (frames inpainted, frames in all).

    ``main_params`` say which of several tracks is the main one.

    Frames in which that face is not detected are copied, and so is the sound. The metadata has the notice that the
    video is synthetic. Raises BadInput when no face is found, or for a name that is not .mp4.
    """
    if out.suffix.lower() != ".mp4":
        raise BadInput(f"{out}: expected a name that ends in .mp4 for an inpainted video")
    boxes = _main_track_boxes(source, params, main_params)
    backend = build_backend(params.backend)
    n_inpainted = n_frames = 0
    with replacing(out) as temporary, writing_video(temporary, source) as write_frame:
        for time_s, picture in rgb_frames(source):
            box = boxes.get(round(time_s * TICKS_PER_S))
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            points = None if box is None else averaged_landmarks(backend, np.ascontiguousarray(grey), box)
            write_frame(time_s, picture if points is None else inpaint(picture, points))
            n_inpainted += points is not None
            n_frames += 1
    return n_inpainted, n_frames


def _main_track_boxes(source: Path, params: DetectParams, main_params: MainFaceParams) -> dict[int, Box]:
    """Return the box of the main track's face by time, in ticks."""
    probed = probe(source)
    clip = MediaClip(
        clip_id=f"video/{source.stem}",
        path=source,
        sha256=sha256_of(source),
        has_audio=probed.has_audio,
        start_s=None,
        end_s=None,
        has_jumps=probed.has_jumps,
    )
    rows = Observer(params)(clip, source.parent)
    if isinstance(rows, Dropped):
        raise BadInput(f"{source}: expected a face to inpaint: {rows.reason}, {rows.detail}")
    tracks = [row for row in rows if isinstance(row, Track)]
    main = tracks[main_face(moving_presence(tracks), [one.av_zscore for one in tracks], main_params)].track_id
    return {
        round(row.time_s * TICKS_PER_S): box_of(row) for row in rows if isinstance(row, Frame) and row.track_id == main
    }


@contextmanager
def writing_video(path: Path, source: Path) -> Iterator[Callable[[float, ImageRGB], None]]:
    """Yield a function that writes a frame at a time in seconds; on exit ``path`` is an mp4 with the source's sound."""
    probed = probe(source)
    silent = path.with_name(f"{path.name}.silent") if probed.has_audio else path
    try:
        with av.open(str(silent), "w", format="mp4") as container:
            container.metadata["comment"] = NOTICE
            video: Any = container.add_stream("libx264", rate=25, options=X264_OPTIONS)
            video.pix_fmt = "yuv420p"
            video.time_base = video.codec_context.time_base = Fraction(1, TICKS_PER_S)
            size = probed.width_px, probed.height_px
            video.width, video.height = size[0] // 2 * 2, size[1] // 2 * 2  # yuv420p halves both sides
            tags = video.codec_context
            tags.colorspace = tags.color_primaries = tags.color_trc = BT709
            tags.color_range = VIDEO_RANGE

            def write_frame(time_s: float, picture: ImageRGB) -> None:
                if picture.shape[1::-1] != size:  # joined files may change size on the way
                    picture = cast(ImageRGB, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
                even = np.ascontiguousarray(picture[: video.height, : video.width])
                frame = av.VideoFrame.from_ndarray(even, format="rgb24")
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace=BT709, dst_color_range=VIDEO_RANGE, **ONE_THREAD
                )
                frame.pts, frame.time_base = round(time_s * TICKS_PER_S), Fraction(1, TICKS_PER_S)
                container.mux(video.encode(frame))

            yield write_frame
            container.mux(video.encode(None))
        if probed.has_audio:
            _add_sound(silent, source, path)
    finally:
        if probed.has_audio:
            silent.unlink(missing_ok=True)


def _add_sound(silent: Path, source: Path, path: Path) -> None:
    """Write ``silent`` with the source's sound, whose times count from its first picture as those of the frames do."""
    samples = path.with_name(f"{path.name}.sound")
    try:
        with samples.open("wb") as file, suppress(BadMedia):  # of a track without sound, what there is: silence
            for piece in played_sound(source, rate_hz=SOUND_RATE_HZ):
                file.write(piece.astype("<i2").tobytes())
        sound = ffmpeg.input(str(samples), format="s16le", ar=SOUND_RATE_HZ, ac=2)
        run_ffmpeg(
            ffmpeg.output(
                ffmpeg.input(str(silent))["v"], sound, str(path), format="mp4", vcodec="copy", acodec="aac"
            ).global_args("-copyts")
        )
    finally:
        samples.unlink(missing_ok=True)
