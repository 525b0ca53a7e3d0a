"""Embed the tracks of a clip: one unit embedding for each, the mean over its most frontal faces."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.base.errors import BadMedia
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table, to_table
from pipeline.core.records.subject import TrackEmbedding
from pipeline.core.records.track import Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.face.backends.interface import FaceBackend
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.align import Template
from pipeline.face.crops.aligned_face import AlignedFace, align_face
from pipeline.face.crops.standard import is_apart
from pipeline.face.crops.table_bytes import content_hash, from_bytes, to_bytes
from pipeline.identity.network.recogniser import Recogniser
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.vectors import mean_direction
from pipeline.video.clip import MediaClip, read_media_clips
from pipeline.video.decode import rgb_frames_at

# The aligned face that recognition networks take, of 256 px: its landmarks tell them where everything is.
TEMPLATE = Template(size_px=256, left_eye_x_px=96, right_eye_x_px=160, eyes_y_px=120)
_MIN_INSIDE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class SeveralTracks:
    """The item of the step: a clip with several tracks, and the frames whose faces are embedded, a table of Frame."""

    clip: MediaClip
    frames: pa.Table

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result, beside params."""
        return (*self.clip.content, content_hash(self.frames))

    def __reduce__(self) -> tuple[Any, ...]:
        return _several_tracks, (self.clip, to_bytes(self.frames))


def _several_tracks(clip: MediaClip, frames: bytes) -> SeveralTracks:
    return SeveralTracks(clip, from_bytes(frames))


def read_several_tracks(dataset: str, params: SubjectsParams, at: Layout) -> Iterator[SeveralTracks]:
    """Yield every clip in which two tracks or more have a face to embed, in id order; memory holds a few clips."""
    tracks, rows = ClipRows(at.tracks(dataset), Track, ["track_id"]), ClipRows(at.frames(dataset), Frame)
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        if len(tracks.of(clip.clip_id)) < 2:
            continue
        of_track: dict[str, list[Frame]] = defaultdict(list)
        for frame in from_table(Frame, rows.of(clip.clip_id)):
            of_track[frame.track_id].append(frame)
        chosen = [frames for frames in (chosen_frames(one, params) for one in of_track.values()) if frames]
        if len(chosen) > 1:
            yield SeveralTracks(clip, to_table(Frame, [frame for frames in chosen for frame in frames]))


def chosen_frames(frames: Sequence[Frame], params: SubjectsParams) -> list[Frame]:
    """Return up to ``max_faces`` frames of one track, at least ``min_apart_s`` apart, of the least yaw and pitch.

    They are in time order. Faces smaller than ``min_interocular_px``, and those cut off by the picture's edge, are
    left out.
    """
    large = [
        one
        for one in frames
        if one.interocular_px >= params.min_interocular_px and one.inside_share >= _MIN_INSIDE_SHARE
    ]
    chosen: list[Frame] = []
    for frame in sorted(large, key=lambda one: (np.hypot(one.yaw_deg, one.pitch_deg), one.time_s)):
        if len(chosen) == params.max_faces:
            break
        if is_apart(frame.time_s, (one.time_s for one in chosen), params.min_apart_s):
            chosen.append(frame)
    return sorted(chosen, key=lambda one: one.time_s)


@dataclass
class TrackEmbedder:
    """The step; the landmark model is loaded once a worker, at the first clip."""

    backend_name: str
    recogniser: Recogniser
    network: str
    _backend: FaceBackend | None = field(default=None, init=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_backend": None}

    def __call__(self, item: SeveralTracks, folder: Path) -> list[TrackEmbedding] | Dropped:
        """Return an embedding of each track of which a face was found at full size."""
        del folder
        self._backend = self._backend or build_backend(self.backend_name)
        faces: dict[str, list[AlignedFace]] = defaultdict(list)
        frames_at: dict[float, list[Frame]] = defaultdict(list)
        for frame in from_table(Frame, item.frames):
            frames_at[frame.time_s].append(frame)
        try:
            for time_s, picture in rgb_frames_at(item.clip.path, sorted(frames_at), has_jumps=item.clip.has_jumps):
                for frame in frames_at[time_s]:
                    face = align_face(frame, picture, self._backend, TEMPLATE)
                    if face is not None:
                        faces[frame.track_id].append(face)
        except BadMedia as error:
            return Dropped.failed(error.reason, error.detail)
        embeddings = [self._embedding(track_id, item.clip.clip_id, faces[track_id]) for track_id in sorted(faces)]
        return [one for one in embeddings if one is not None]

    def _embedding(self, track_id: str, clip_id: str, faces: Sequence[AlignedFace]) -> TrackEmbedding | None:
        features = self.recogniser.embed([one.picture for one in faces], [one.landmarks for one in faces])
        found = mean_direction(features)
        if found is None:
            return None
        embedding, spherical_variance = found
        return TrackEmbedding(
            track_id=track_id,
            clip_id=clip_id,
            network=self.network,
            n_faces=len(faces),
            spherical_variance=spherical_variance,
            embedding=embedding,
        )
