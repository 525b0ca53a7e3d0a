"""Embed the tracks of a clip, one unit embedding for each, the mean over its most frontal faces; and its voices."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.audio.segment import Interval
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table, to_table
from pipeline.core.records.subject import StretchSound, TrackEmbedding, VoiceEmbedding
from pipeline.core.records.track import ActiveSpeaker, Shot, Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.vectors import mean_direction
from pipeline.face.backends.interface import FaceBackend
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.align import Template
from pipeline.face.crops.aligned_face import AlignedFace, align_face
from pipeline.face.crops.standard import is_apart
from pipeline.face.crops.table_bytes import content_hash, from_bytes, to_bytes
from pipeline.identity.network.five_points import ALIGNED_PX, EYES
from pipeline.identity.network.recogniser import NamedRecogniser
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.sound import SoundNetworks, read_sound
from pipeline.identity.subjects.stretches import ended_at_pauses, stretches
from pipeline.identity.subjects.voices import VoiceEmbedder
from pipeline.speaker.active_speaker import BOX_COLUMNS, ActiveSpeakerNetwork
from pipeline.video.clip import MediaClip, read_media_clips
from pipeline.video.decode import rgb_frames_at

(_LEFT_EYE_X_PX, _EYES_Y_PX), (_RIGHT_EYE_X_PX, _) = EYES.tolist()
TEMPLATE = Template(
    size_px=ALIGNED_PX, left_eye_x_px=_LEFT_EYE_X_PX, right_eye_x_px=_RIGHT_EYE_X_PX, eyes_y_px=_EYES_Y_PX
)
"""The aligned face that recognition networks take."""
_MIN_INSIDE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class TrackedClip:
    """The item of the step: a clip in which a face was tracked.

    ``frames``: those whose faces are embedded, a table of Frame. ``shots``: the stretches of sound that are measured,
    equal parts of each shot; ``late_s``: by how much the sound comes later than the picture. ``n_voices``: of a clip in
    which there is nothing to decide, of how many stretches, the first ones, the voice is embedded; None: it is to be
    decided who speaks, so that stretches end at pauses, and all voices are embedded. ``boxes``: BOX_COLUMNS of all
    frames of its tracks, for an active speaker network; None: without one.
    """

    clip: MediaClip
    frames: pa.Table
    shots: tuple[tuple[Interval, ...], ...]
    late_s: float = 0.0
    n_voices: int | None = None
    boxes: pa.Table | None = None

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result, beside params."""
        return (
            *self.clip.content,
            content_hash(self.frames),
            str(self.shots),
            str(self.late_s),
            str(self.n_voices),
            "" if self.boxes is None else content_hash(self.boxes),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        boxes = None if self.boxes is None else to_bytes(self.boxes)
        rest = (self.shots, self.late_s, self.n_voices)
        return _tracked_clip, (self.clip, to_bytes(self.frames), boxes, *rest)


def _tracked_clip(clip: MediaClip, frames: bytes, boxes: bytes | None, *rest: Any) -> TrackedClip:
    return replace(TrackedClip(clip, from_bytes(frames), *rest), boxes=None if boxes is None else from_bytes(boxes))


def read_tracked_clips(
    dataset: str, params: SubjectsParams, at: Layout, voice_s: float | None, *, all_sound: bool = False
) -> Iterator[TrackedClip]:
    """Yield every clip with several tracks or shots, in id order; memory holds a few clips.

    And, unless ``voice_s`` is None, the clips of one track and one shot, of whose sound about so much is embedded: it
    tells who that is, not when anybody speaks. ``all_sound``: these clips too, with all of their sound to be measured.
    Where ``params`` name an active speaker network, the others have their boxes.
    """
    tracks = ClipRows(at.tracks(dataset), Track, ["track_id", "out_of_step_s"])
    shots, rows = ClipRows(at.shots(dataset), Shot), ClipRows(at.frames(dataset), Frame)
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        of_clip, shots_of_clip = tracks.of(clip.clip_id), from_table(Shot, shots.of(clip.clip_id))
        is_whole = len(of_clip) == 1 and len(shots_of_clip) < 2
        if len(of_clip) == 0 or (is_whole and ((voice_s is None and not all_sound) or not shots_of_clip)):
            continue
        of_track: dict[str, list[Frame]] = defaultdict(list)
        all_frames = rows.of(clip.clip_id)
        for frame in from_table(Frame, all_frames):
            of_track[frame.track_id].append(frame)
        chosen = [frames for frames in (chosen_frames(one, params) for one in of_track.values()) if frames]
        frames = [frame for frames in chosen for frame in frames] if len(chosen) > 1 else []
        shots_s = stretches(((shot.start_s, shot.end_s) for shot in shots_of_clip), params.stretch_s)
        n_voices = None
        if is_whole:
            [parts_s] = shots_s
            n_voices = sum(start_s < parts_s[0][0] + (voice_s or 0.0) for start_s, _ in parts_s)
            shots_s = [parts_s if all_sound else parts_s[:n_voices]]
        late_s = of_clip["out_of_step_s"][0].as_py()
        boxes = None if is_whole or params.active_speaker is None else all_frames.select(list(BOX_COLUMNS))
        yield TrackedClip(clip, to_table(Frame, frames), tuple(map(tuple, shots_s)), late_s, n_voices, boxes)


def chosen_frames(frames: Sequence[Frame], params: SubjectsParams) -> list[Frame]:
    """Return up to ``max_faces`` frames of one track, at least ``min_apart_s`` apart: the most frontal of equal parts.

    That is of the least yaw and pitch; from all parts of the track, as it may show another person after a cut that was
    not found. They are in time order. Faces smaller than ``min_interocular_px``, and those cut off by the picture's
    edge, are left out.
    """
    large = [
        one
        for one in frames
        if one.interocular_px >= params.min_interocular_px and one.inside_share >= _MIN_INSIDE_SHARE
    ]
    chosen: list[Frame] = []
    for part in np.array_split(np.arange(len(large)), params.max_faces):
        frames_of_part = [large[place] for place in part.tolist()]
        for frame in sorted(frames_of_part, key=lambda one: (np.hypot(one.yaw_deg, one.pitch_deg), one.time_s)):
            if is_apart(frame.time_s, (one.time_s for one in chosen), params.min_apart_s):
                chosen.append(frame)
                break
    return chosen


Heard = VoiceEmbedding | StretchSound | ActiveSpeaker
"""What is measured of a clip's sound."""


@dataclass
class ClipEmbedder:
    """The step; the landmark model is loaded once a worker, at the first clip.

    ``faces``: the face recognition network, ``voices``: the speaker network; None: no such embeddings. ``sounds``: the
    networks that tell what sounds; ``active``: the one that tells which mouths are still.
    """

    backend_name: str
    faces: NamedRecogniser | None
    voices: VoiceEmbedder | None
    sounds: SoundNetworks = SoundNetworks()
    active: ActiveSpeakerNetwork | None = None
    _backend: FaceBackend | None = field(default=None, init=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_backend": None}

    def __call__(self, item: TrackedClip, folder: Path) -> list[TrackEmbedding | Heard] | Dropped:
        """Return an embedding of each track of which a face was found at full size, and what each stretch sounds of."""
        del folder
        heard = self._heard(item)
        if self.faces is None or not len(item.frames):
            return [*heard]
        self._backend = self._backend or build_backend(self.backend_name)
        features: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
        try:
            for track_id, face in _aligned_faces(item, self._backend):
                features[track_id].append(self.faces.recogniser.embed([face.picture], [face.landmarks])[0])
        except BadMedia as error:
            return Dropped.failed(error.reason, error.detail)
        tracks = [
            TrackEmbedding(
                track_id=track_id,
                clip_id=item.clip.clip_id,
                network=self.faces.name,
                n_faces=len(features[track_id]),
                spherical_variance=spherical_variance,
                embedding=embedding,
            )
            for track_id in sorted(features)
            for embedding, spherical_variance in filter(None, [mean_direction(np.stack(features[track_id]))])
        ]
        return [*tracks, *heard]

    def _heard(self, item: TrackedClip) -> list[Heard]:
        parts_s = [*chain(*item.shots)]
        sound = read_sound(item.clip, parts_s, item.late_s)
        if sound is None:
            return []
        heard = self.sounds.hear(sound)
        if item.n_voices is None and heard.voices is not None:
            parts_s = [*chain(*ended_at_pauses(item.shots, heard.voices, sound))]
        voices = () if self.voices is None else self.voices.embed(sound, parts_s[: item.n_voices])
        active: Iterable[ActiveSpeaker] = ()
        if self.active is not None and item.boxes is not None:
            active = self.active.score(item.clip, item.boxes, sound.waveform, sound.begin_s)
        return [*voices, *heard.of_stretches(parts_s), *active]


def _aligned_faces(item: TrackedClip, backend: FaceBackend) -> Iterator[tuple[str, AlignedFace]]:
    """Yield (track id, face) of each of the item's frames in which the backend finds one at full size.

    By one fit of the landmarks: of 447 real faces the embeddings by it and by the mean of 17 fits have a cosine of
    0.9997 (median), two faces of one track 0.93.
    """
    frames_at: dict[float, list[Frame]] = defaultdict(list)
    for frame in from_table(Frame, item.frames):
        frames_at[frame.time_s].append(frame)
    for time_s, picture in rgb_frames_at(item.clip.path, sorted(frames_at), has_jumps=item.clip.has_jumps):
        for frame in frames_at[time_s]:
            face = align_face(frame, picture, backend, TEMPLATE, is_averaged=False)
            if face is not None:
                yield frame.track_id, face
