"""Observe a still picture: each of its faces is a track of one frame, at 0 s; nothing is followed."""

from collections.abc import Sequence

import numpy as np

from pipeline.core.base.errors import BadMedia
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.frame import Frame
from pipeline.core.records.media import SOUND
from pipeline.core.records.track import Track
from pipeline.face.backends.interface import FaceBackend
from pipeline.face.tracking.observations import track_frames
from pipeline.face.tracking.search import FaceSearch
from pipeline.face.tracking.settings import DetectParams
from pipeline.face.tracking.tracker import Tracker
from pipeline.video.clip import MediaClip
from pipeline.video.decode import GreyFrame
from pipeline.video.still import read_still


def observe_still(clip: MediaClip, backend: FaceBackend, params: DetectParams) -> list[Frame | Track] | Dropped:
    """Return a Track and a Frame for each face of a still picture; or why there is none, as of sound alone.

    It is searched as a frame of a video is. There are no shots, so no turns: nobody speaks in a picture.
    """
    if clip.kind == SOUND:
        return Dropped.filtered("no_picture", "the media is sound alone")
    try:
        frame = _grey_frame(clip, params.max_side_px)
    except BadMedia as error:
        return Dropped.failed(error.reason, error.detail)
    tracker = Tracker(
        backend,
        min_iou=params.min_iou,
        max_gap_s=params.max_gap_s,
        look_back_s=params.change_s,
        clip_id=clip.clip_id,
    )
    tracker.follow(frame)
    tracker.update(frame, FaceSearch(backend, params, clip_id=clip.clip_id).find(frame, known=[]))
    tracker.end_all()
    rows: list[Frame | Track] = []
    for number, track in enumerate(tracker.finished()):
        frames = track_frames(clip.clip_id, f"{clip.clip_id}-t{number:02d}", track)
        rows += [_track(frames), *frames]
    return rows or Dropped.filtered("no_face", "no face is found in the picture")


def _grey_frame(clip: MediaClip, max_side_px: int) -> GreyFrame:
    """Return the picture in grey, its longer side at most ``max_side_px``."""
    import cv2

    grey = np.asarray(cv2.cvtColor(read_still(clip.path), cv2.COLOR_RGB2GRAY), np.uint8)
    scale = max(1.0, max(grey.shape) / max_side_px)
    if scale > 1:
        size = round(grey.shape[1] / scale), round(grey.shape[0] / scale)
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    return GreyFrame(index=0, time_s=0.0, luma=grey, scale=scale)


def _track(frames: Sequence[Frame]) -> Track:
    """Return the track of the one frame of a face; no sound is compared with it."""
    (frame,) = frames
    return Track(
        track_id=frame.track_id,
        clip_id=frame.clip_id,
        start_s=frame.time_s,
        end_s=frame.time_s,
        n_frames=1,
        presence_px2=frame.box_w_px * frame.box_h_px,
        mean_box_h_px=frame.box_h_px,
        eye_opening_std=0.0,
        mouth_height_std=0.0,
        yaw_std_deg=0.0,
        is_still_picture=False,  # that is of pictures within a video
        av_covered_s=0.0,
        av_correlation=None,
        av_lag_s=None,
        av_zscore=None,
        av_offset_s=None,
        av_offset_certainty=None,
        out_of_step_s=0.0,
    )
