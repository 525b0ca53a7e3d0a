"""Measure and verify every face of a clip, in every frame, as the step crop does those of candidates."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from pipeline.core.records.face import CANDIDATE, FaceMeasures
from pipeline.core.records.frame import Frame
from pipeline.core.records.subject import main_subject_id
from pipeline.face.crops.crop import CropParams, measure_track
from pipeline.face.crops.verify import FACE_MESH, Verifier, verified_windows
from pipeline.face.mesh.face_mesh import FaceMesh
from pipeline.video.decode import rgb_frames_at
from pipeline.weights.fetch import find_weights


def every_face(crop: CropParams, path: Path, frames: Sequence[Frame]) -> list[FaceMeasures]:
    """Return the measures of every observed face of the clip at ``path``, verified in every frame."""
    tracks: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        tracks[frame.track_id].append(frame)
    return [face for of_track in tracks.values() for face in _verified(path, of_track, crop)]


def _verified(path: Path, frames: Sequence[Frame], crop: CropParams) -> Iterator[FaceMeasures]:
    """Yield the measures of one track's faces."""
    ordered = sorted(frames, key=lambda frame: frame.time_s)
    by_time = {frame.time_s: frame for frame in ordered}
    faces = measure_track(ordered, main_subject_id(ordered[0].clip_id), crop)
    as_candidates = [replace(face, sampled_by=CANDIDATE) for face in faces]
    windows = verified_windows(as_candidates, [ordered], crop.lip_window_s)
    verifier = Verifier(FaceMesh(find_weights(FACE_MESH)), windows, inf)
    for time_s, picture in rgb_frames_at(path, sorted(verifier.times_s)):
        verifier.look(by_time[time_s], picture)
    for face in faces:
        yield replace(face, **verifier.columns(face.time_s))
