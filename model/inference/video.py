"""Inpaint the main face of a video by a voice, frame by frame; picture times and sound stay as they are."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from model.inference.marked_pictures import NOTICE
from pipeline.base.arrays import ImageRGB, Landmarks
from pipeline.base.errors import BadInput
from pipeline.base.hashing import sha256_of
from pipeline.base.outcome import Dropped
from pipeline.face.backends.interface import steady_landmarks
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.crop import box_of
from pipeline.face.measures.boxes import Box
from pipeline.face.tracking.settings import DetectParams
from pipeline.records.frame import Frame
from pipeline.records.track import Track
from pipeline.speaker.observe import Observer
from pipeline.storage.atomic import replacing
from pipeline.video.clip import MediaClip
from pipeline.video.decode import rgb_frames
from pipeline.video.probe import FILES_ONLY, probe

X264_OPTIONS = {"preset": "fast", "crf": "18"}
TICKS_PER_S = 90_000

Inpaint = Callable[[ImageRGB, Landmarks], ImageRGB]
"""From a picture and the points of the face in it to the inpainted picture."""


def inpaint_video(source: Path, out: Path, inpaint: Inpaint, params: DetectParams) -> tuple[int, int]:
    """Write ``source`` with the face of its main track inpainted, as mp4; return (frames inpainted, frames in all).

    Frames in which that face is not seen stay as they are. The sound is the source's own. The notice that the video
    is synthetic stands in its metadata. Raises BadInput when no face is found, or for a name that is not .mp4.
    """
    if out.suffix.lower() != ".mp4":
        raise BadInput(f"{out}: expected a name that ends in .mp4 for a inpainted video")
    boxes = _main_face(source, params)
    backend = build_backend(params.backend)
    n_inpainted = n_frames = 0

    def inpainted() -> Iterator[tuple[float, ImageRGB]]:
        nonlocal n_inpainted, n_frames
        for time_s, picture in rgb_frames(source, rotation_deg=probe(source).rotation_deg):
            n_frames += 1
            box = boxes.get(round(time_s * TICKS_PER_S))
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            points = None if box is None else steady_landmarks(backend, np.ascontiguousarray(grey), box)
            n_inpainted += points is not None
            yield time_s, picture if points is None else inpaint(picture, points)

    with replacing(out) as temporary:
        _write(temporary, inpainted(), source)
    return n_inpainted, n_frames


def _main_face(source: Path, params: DetectParams) -> dict[int, Box]:
    """Return the box of the main track's face by time, in ticks."""
    found = probe(source)
    clip = MediaClip(
        clip_id=f"video/{source.stem}",
        path=source,
        sha256=sha256_of(source),
        rotation_deg=found.rotation_deg,
        has_audio=found.has_audio,
        start_s=None,
        end_s=None,
    )
    seen = Observer(params)(clip, source.parent)
    if isinstance(seen, Dropped):
        raise BadInput(f"{source}: expected a face to inpaint: {seen.reason}, {seen.detail}")
    main = next(row.track_id for row in seen if isinstance(row, Track) and row.is_main)
    return {
        round(row.time_s * TICKS_PER_S): box_of(row) for row in seen if isinstance(row, Frame) and row.track_id == main
    }


def _write(path: Path, frames: Iterator[tuple[float, ImageRGB]], source: Path) -> None:
    with av.open(str(source), options=FILES_ONLY) as given, av.open(str(path), "w", format="mp4") as container:
        container.metadata["comment"] = NOTICE
        picture: Any = container.add_stream("libx264", rate=25, options=X264_OPTIONS)
        picture.pix_fmt = "yuv420p"
        picture.time_base = picture.codec_context.time_base = Fraction(1, TICKS_PER_S)
        voice = next(iter(given.streams.audio), None)
        sound: Any = None if voice is None else container.add_stream("aac", rate=voice.rate)
        found = probe(source)
        picture.width, picture.height = found.width_px // 2 * 2, found.height_px // 2 * 2  # yuv420p halves both sides
        for time_s, image in frames:
            shown = image[: picture.height, : picture.width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
            frame.pts, frame.time_base = round(time_s * TICKS_PER_S), Fraction(1, TICKS_PER_S)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if sound is not None:
            _copy_sound(given, voice, container, sound)


def _copy_sound(given: Any, voice: Any, container: Any, sound: Any) -> None:
    """Encode the source's sound anew, counted from its first picture as the pictures are."""
    video = given.streams.video[0]
    origin_s = float((video.start_time or 0) * video.time_base)
    for frame in given.decode(voice):
        if frame.time is not None and frame.time >= origin_s:
            frame.pts = round((frame.time - origin_s) * frame.sample_rate)
            frame.time_base = Fraction(1, frame.sample_rate)
            container.mux(sound.encode(frame))
    container.mux(sound.encode(None))
