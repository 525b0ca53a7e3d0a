"""Observe a clip: one decode, in which every frame's faces are found or followed, measured and put into tracks."""

from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.errors import BadMedia
from pipeline.face.backends import build_backend
from pipeline.face.detector import FaceBackend, turn_to
from pipeline.face.measure import eye_opening, inside_share, lip_opening, mouth_height
from pipeline.face.points import eye_centres, interocular_px
from pipeline.face.pose import head_pose_deg
from pipeline.face.search import FaceSearch
from pipeline.face.track import Sighting, Tracker
from pipeline.outcome import Dropped
from pipeline.params import Params
from pipeline.records.frame import Frame
from pipeline.records.track import Track
from pipeline.units import milliseconds
from pipeline.video.clip import MediaClip
from pipeline.video.decode import grey_frames
from pipeline.video.shots import CutDetector

VERSION = 1  # of what the detect step returns: raise it whenever the same input gives another result


class DetectParams(Params):
    """Section ``detect`` of params.yaml."""

    backend: str
    max_side_px: int = Field(ge=64)
    every_n_frames: int = Field(ge=1)
    search_face_px: tuple[float, ...] = Field(min_length=2)
    full_search_every_s: float = Field(ge=0)
    min_score: float
    min_iou: float = Field(gt=0, le=1)
    max_gap_s: float = Field(ge=0)
    min_track_s: float = Field(ge=0)
    min_cut_difference: float = Field(gt=0)
    min_cut_ratio: float = Field(ge=1)


class Observer:
    """The detect step; its networks are loaded once a worker, at the first clip."""

    def __init__(self, params: DetectParams) -> None:
        self._params = params
        self._backend: FaceBackend | None = None

    def __call__(self, clip: MediaClip, folder: Path) -> list[Frame | Track] | Dropped:
        """Return a Frame for each face and frame, and a Track for each track; or why there is none."""
        del folder
        try:
            tracks = self._tracks(clip)
        except BadMedia as error:
            return Dropped.failed(error.reason, error.detail)
        tracks = [track for track in tracks if _length_s(track) >= self._params.min_track_s]
        if not tracks:
            return Dropped.filtered("no_face", "no face is seen for as long as detect.min_track_s")
        return _records(clip.clip_id, tracks)

    def __getstate__(self) -> dict[str, Any]:
        return {"_params": self._params, "_backend": None}

    def _tracks(self, clip: MediaClip) -> list[list[Sighting]]:
        params = self._params
        self._backend = self._backend or build_backend(params.backend)
        search = FaceSearch(self._backend, params.search_face_px, params.min_score, params.full_search_every_s)
        tracker = Tracker(self._backend, min_iou=params.min_iou, max_gap_s=params.max_gap_s)
        cuts = CutDetector(params.min_cut_difference, params.min_cut_ratio)
        last_look = -params.every_n_frames
        for frame in grey_frames(
            clip.path,
            rotation_deg=clip.rotation_deg,
            max_side_px=params.max_side_px,
            start_s=clip.start_s,
            end_s=clip.end_s,
        ):
            turn_to(self._backend, clip.clip_id, frame.time_s, frame.grey.shape[1] * frame.scale)
            is_cut = cuts.is_cut(frame.grey)
            if is_cut:
                tracker.end_all()
            if is_cut or frame.index - last_look >= params.every_n_frames:
                last_look = frame.index
                tracker.see(frame, search.look(frame.grey, frame.time_s, tracker.face_heights_px()))
            else:
                tracker.follow(frame)
        tracker.end_all()
        return tracker.finished()


def _length_s(track: list[Sighting]) -> float:
    return track[-1].time_s - track[0].time_s


def _records(clip_id: str, tracks: list[list[Sighting]]) -> list[Frame | Track]:
    """Return the rows of all tracks; the main one has the largest sum of box areas: large, and there for long."""
    areas = [sum(one.box.area * one.scale**2 for one in track) for track in tracks]
    main = areas.index(max(areas))
    records: list[Frame | Track] = []
    for number, track in enumerate(tracks):
        track_id = f"{clip_id}-t{number:02d}"
        frames = [_frame(clip_id, track_id, sighting) for sighting in track]
        records.append(
            Track(
                track_id=track_id,
                clip_id=clip_id,
                start_s=frames[0].time_s,
                end_s=frames[-1].time_s,
                n_frames=len(frames),
                mean_box_h_px=sum(frame.box_h_px for frame in frames) / len(frames),
                is_main=number == main,
            )
        )
        records += frames
    return records


def _frame(clip_id: str, track_id: str, sighting: Sighting) -> Frame:
    scale, points = sighting.scale, sighting.points
    left, right = eye_centres(points)
    yaw, pitch, roll = head_pose_deg(points)
    box = sighting.box.scaled(scale)
    return Frame(
        frame_id=f"{track_id}-{milliseconds(sighting.time_s):08d}",
        clip_id=clip_id,
        track_id=track_id,
        frame_index=sighting.frame_index,
        time_s=sighting.time_s,
        detected=sighting.detected,
        score=sighting.score,
        box_x_px=box.x,
        box_y_px=box.y,
        box_w_px=box.w,
        box_h_px=box.h,
        left_eye_x_px=float(left[0]) * scale,
        left_eye_y_px=float(left[1]) * scale,
        right_eye_x_px=float(right[0]) * scale,
        right_eye_y_px=float(right[1]) * scale,
        interocular_px=interocular_px(points) * scale,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        lip_opening=lip_opening(points),
        mouth_height=mouth_height(points),
        eye_opening=eye_opening(points),
        sharpness=sighting.sharpness,
        brightness=sighting.brightness,
        inside_share=inside_share(sighting.box, sighting.width_px, sighting.height_px),
    )
