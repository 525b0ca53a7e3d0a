"""Crop a clip's faces: seek to the chosen frames of its subjects, align by the eyes, keep all measures."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.images import encode_png
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import Params
from pipeline.core.records.face import CANDIDATE, OF_PICTURE, RANDOM, Face, FaceMeasures
from pipeline.core.records.frame import Frame
from pipeline.core.records.media import PICTURE
from pipeline.core.records.schema import Image, from_table
from pipeline.face.backends.interface import FaceBackend
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.align import Template
from pipeline.face.crops.aligned_face import align_face
from pipeline.face.crops.sample import best_apart, draw_random
from pipeline.face.crops.standard import (
    LipWindow,
    StandardnessScales,
    UsualFace,
    lip_windows,
    standardness,
    usual_face,
)
from pipeline.face.crops.table_bytes import content_hash, from_bytes, to_bytes
from pipeline.face.crops.verify import FACE_MESH, VERIFIED_COLUMNS, Verifier, verified_windows
from pipeline.face.measures.resolution import true_interocular_px
from pipeline.face.mesh.face_mesh import FaceMesh
from pipeline.video.clip import MediaClip
from pipeline.video.decode import rgb_frames_at
from pipeline.video.still import read_still
from pipeline.weights.fetch import find_weights

OF_ONE_FRAME: dict[str, Any] = dict.fromkeys(("lip_motion", "mouth_change", "eye_change", "rest_gap", "lid_share"))
"""The measures of a face that a still picture has not: they compare it with itself at other times."""
_SMALLEST_EYE_OPENING = 0.01  # of a track whose eyes are shut throughout


class CropParams(Params):
    """Section ``crop`` of params.yaml."""

    n_random: int = Field(ge=0)
    n_candidates: int = Field(ge=0)
    min_apart_s: float = Field(ge=0)
    lip_window_s: float = Field(ge=0)
    shut_quantile: float = Field(ge=0, le=1)
    max_verified_gap: float = Field(ge=0)
    seed: int
    template: Template
    scales: StandardnessScales


@dataclass(frozen=True, slots=True)
class ObservedClip:
    """The item of the crop step: a clip, the frames of its subjects' tracks, and the subject of each track, by id.

    The frames are a table of Frame, in order of their ids: track by track, each in time order.
    """

    clip: MediaClip
    frames: pa.Table
    subject_of: Mapping[str, str]

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result, beside params."""
        return (*self.clip.content, content_hash(self.frames), str(sorted(self.subject_of.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to a worker with these frames only, which may be a slice of those of many clips."""
        return _observed_clip, (self.clip, to_bytes(self.frames), self.subject_of)


def _observed_clip(clip: MediaClip, frames: bytes, subject_of: Mapping[str, str]) -> ObservedClip:
    return ObservedClip(clip, from_bytes(frames), subject_of)


def tracks_of(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Return the frames of each track, which follow each other, in order of its first frame."""
    tracks = [list(track) for _, track in groupby(frames, key=lambda frame: frame.track_id)]
    return sorted(tracks, key=lambda track: track[0].time_s)


def measure_track(frames: Sequence[Frame], subject: str, params: CropParams) -> list[FaceMeasures]:
    """Return the measures of the face in each frame of one track of a subject, in time order, from observations alone.

    ``sampled_by`` is still empty.
    """
    usual = usual_face(frames, params.shut_quantile)
    windows = lip_windows(frames, params.lip_window_s)
    faces = (_measures(frame, subject, lips, usual) for frame, lips in zip(frames, windows, strict=True))
    return [replace(face, standardness=standardness(face, params.scales)) for face in faces]


def measure_picture(frame: Frame, subject: str) -> FaceMeasures:
    """Return the measures of the face of a still picture; what needs several frames is null."""
    lips = LipWindow(frame.lip_opening, frame.mouth_height, motion=0.0, mouth_change=0.0, eye_change=0.0)
    usual = UsualFace(eye_opening=frame.eye_opening, mouth_height=frame.mouth_height)
    return replace(_measures(frame, subject, lips, usual), sampled_by=OF_PICTURE, **OF_ONE_FRAME)


def pictures_at(clip: MediaClip, times_s: Sequence[float]) -> Iterator[tuple[float, ImageRGB]]:
    """Yield the frames of a clip at these times, or its still picture."""
    if clip.kind == PICTURE:
        return iter([(0.0, read_still(clip.path))])
    return rgb_frames_at(clip.path, times_s, has_jumps=clip.has_jumps)


def _measures(frame: Frame, subject: str, lips: LipWindow | None, usual: UsualFace) -> FaceMeasures:
    return FaceMeasures(
        face_id=frame.frame_id,
        clip_id=frame.clip_id,
        subject_id=subject,
        track_id=frame.track_id,
        time_s=frame.time_s,
        sampled_by="",
        standardness=None,
        yaw_deg=frame.yaw_deg,
        pitch_deg=frame.pitch_deg,
        roll_deg=frame.roll_deg,
        asymmetry=frame.asymmetry,
        lip_opening=frame.lip_opening,
        lip_opening_max=None if lips is None else lips.opening_max,
        mouth_rise=None if lips is None else lips.height_max - usual.mouth_height,
        lip_motion=None if lips is None else lips.motion,
        mouth_change=None if lips is None else lips.mouth_change,
        eye_change=None if lips is None else lips.eye_change,
        eye_opening=frame.eye_opening,
        eye_share=frame.eye_opening / max(usual.eye_opening, _SMALLEST_EYE_OPENING),
        sharpness=frame.sharpness,
        brightness=frame.brightness,
        interocular_px=frame.interocular_px,
        score=frame.score,
        inside_share=frame.inside_share,
        true_interocular_px=frame.interocular_px,
        **dict.fromkeys(VERIFIED_COLUMNS),
    )


def choose(faces: Sequence[FaceMeasures], params: CropParams) -> list[FaceMeasures]:
    """Return the faces to crop, in time order: ``n_random`` drawn at random, and up to ``n_candidates`` of the best."""
    drawn = draw_random(faces, params.n_random, params.seed)
    taken = {face.time_s for face in drawn}
    best = best_apart(faces, params.n_candidates, params.min_apart_s, taken)
    chosen = [replace(face, sampled_by=RANDOM) for face in drawn]
    chosen += [replace(face, sampled_by=CANDIDATE) for face in best]
    return sorted(chosen, key=lambda face: face.time_s)


@dataclass(frozen=True, slots=True)
class _ChosenFaces:
    """The faces of one subject to crop, by time, its frame at each time, and what looks at those that need it."""

    frames: Mapping[float, Frame]
    chosen: Mapping[float, FaceMeasures]
    verifier: Verifier
    times_s: frozenset[float]


def _chosen_faces(subject: str, tracks: Sequence[Sequence[Frame]], params: CropParams, mesh: FaceMesh) -> _ChosenFaces:
    # Two tracks of a subject may share an instant, where one ends as the other begins: the earlier one has it.
    frames = {frame.time_s: frame for track in reversed(tracks) for frame in track}
    measured = [face for track in tracks for face in measure_track(track, subject, params)]
    measured = [face for face in measured if face.track_id == frames[face.time_s].track_id]
    chosen = {face.time_s: face for face in choose(measured, params)}
    windows = verified_windows(chosen.values(), tracks, params.lip_window_s)
    verifier = Verifier(mesh, windows, params.max_verified_gap)
    return _ChosenFaces(frames, chosen, verifier, frozenset(verifier.times_s | chosen.keys()))


class Cropper:
    """The crop step; the landmark model and the face mesh are loaded once a worker, at the first clip."""

    def __init__(self, params: CropParams, backend_name: str) -> None:
        self._params = params
        self._backend_name = backend_name
        self._backend: FaceBackend | None = None
        self._mesh: FaceMesh | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_backend": None, "_mesh": None}

    def __call__(self, item: ObservedClip, folder: Path) -> list[Face] | Dropped:
        """Return the faces of one clip."""
        del folder
        self._backend = self._backend or build_backend(self._backend_name)
        self._mesh = self._mesh or FaceMesh(find_weights(FACE_MESH))
        is_picture = item.clip.kind == PICTURE
        subjects = self._of_picture(item) if is_picture else self._subjects(item)
        times_s = sorted(set[float]().union(*(one.times_s for one in subjects)))
        faces: list[Face] = []
        try:
            for time_s, picture in pictures_at(item.clip, times_s):
                for subject in subjects:
                    if time_s not in subject.times_s:
                        continue
                    subject.verifier.look(subject.frames[time_s], picture)
                    if time_s in subject.chosen:
                        face = self._face(subject.chosen[time_s], subject.frames[time_s], picture, self._backend)
                        faces += [] if face is None else [face]
        except BadMedia as error:
            return Dropped.failed(error.reason, error.detail)
        verifier_of = {face.face_id: one.verifier for one in subjects for face in one.chosen.values()}
        found = [replace(face, **verifier_of[face.face_id].columns(face.time_s)) for face in faces]
        return [replace(one, **OF_ONE_FRAME) for one in found] if is_picture else found

    def _of_picture(self, item: ObservedClip) -> list["_ChosenFaces"]:
        """Return the face of each subject of a still picture: its window is its one frame."""
        assert self._mesh is not None
        found = []
        for frame in from_table(Frame, item.frames):
            chosen = measure_picture(frame, item.subject_of[frame.track_id])
            verifier = Verifier(self._mesh, {frame.time_s: [frame.time_s]}, self._params.max_verified_gap)
            times_s = frozenset([frame.time_s])
            found.append(_ChosenFaces({frame.time_s: frame}, {frame.time_s: chosen}, verifier, times_s))
        return found

    def _subjects(self, item: ObservedClip) -> list["_ChosenFaces"]:
        assert self._mesh is not None
        tracks_by_subject: dict[str, list[list[Frame]]] = defaultdict(list)
        for track in tracks_of(from_table(Frame, item.frames)):
            tracks_by_subject[item.subject_of[track[0].track_id]].append(track)
        return [
            _chosen_faces(subject, tracks, self._params, self._mesh)
            for subject, tracks in sorted(tracks_by_subject.items())
        ]

    def _face(self, chosen: FaceMeasures, frame: Frame, picture: ImageRGB, backend: FaceBackend) -> Face | None:
        """Return the face of one frame; None where the backend finds no face at full size."""
        found = align_face(frame, picture, backend, self._params.template)
        if found is None:
            return None
        png = encode_png(found.picture)
        return Face(
            **asdict(replace(chosen, true_interocular_px=true_interocular_px(found.grey, found.points))),
            image_sha256=hashlib.sha256(png).hexdigest(),
            image=Image(png, f"{chosen.face_id.replace('/', '_')}.png"),
            landmarks_px=found.landmarks.reshape(-1),
            alignment=found.similarity.astype(np.float32).reshape(-1),
        )
