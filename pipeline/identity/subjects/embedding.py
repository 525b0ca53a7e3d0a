"""Embed the tracks of a clip, one unit embedding for each, of the faces that were kept of it; and its voices."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.audio.segment import Interval
from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.images import decode_grey, in_rgb
from pipeline.core.base.layout import Layout
from pipeline.core.records.frame import Frame
from pipeline.core.records.media import SOUND, VIDEO
from pipeline.core.records.schema import from_table, to_table
from pipeline.core.records.subject import StretchSound, TrackEmbedding, VoiceEmbedding
from pipeline.core.records.track import ActiveSpeaker, Shot, Track, TrackFace
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.vectors import mean_direction
from pipeline.face.crops.align import Template, crop_aligned, similarity_to, transform
from pipeline.face.crops.standard import is_apart
from pipeline.face.crops.table_bytes import content_hash, from_bytes, to_bytes
from pipeline.face.measures.points import eye_centres
from pipeline.identity.network.five_points import ALIGNED_PX, EYES
from pipeline.identity.network.recogniser import NamedRecogniser
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.sound import SoundNetworks, read_sound
from pipeline.identity.subjects.stretches import ended_at_pauses, stretches
from pipeline.identity.subjects.voices import VoiceEmbedder
from pipeline.speaker.active_speaker import BOX_COLUMNS, ActiveSpeakerNetwork
from pipeline.video.clip import MediaClip, read_media_clips

(_LEFT_EYE_X_PX, _EYES_Y_PX), (_RIGHT_EYE_X_PX, _) = EYES.tolist()
TEMPLATE = Template(
    size_px=ALIGNED_PX, left_eye_x_px=_LEFT_EYE_X_PX, right_eye_x_px=_RIGHT_EYE_X_PX, eyes_y_px=_EYES_Y_PX
)
"""The aligned face that recognition networks take."""
# A face of a track is not embedded where one that was is so much like it, by the correlation of their pixels: of 138
# tracks of real persons nine in ten have that, of the faces of two persons one in fifty.
_ALIKE = 0.75
# What is compared: eyes to mouth of an aligned face, at this size.
_COMPARED = slice(64, 224), slice(48, 208)
_COMPARED_PX = 32


@dataclass(frozen=True, slots=True)
class TrackedClip:
    """The item of the step: a clip in which a face was tracked, or of sound alone.

    ``faces``: those that may be embedded, a table of TrackFace. ``shots``: the stretches of sound that are measured,
    equal parts of each shot; ``late_s``: by how much the sound comes later than the picture. ``n_voices``: of a clip in
    which there is nothing to decide, of how many stretches, the first ones, the voice is embedded; None: it is to be
    decided who speaks, so that stretches end at pauses, and all voices are embedded. ``boxes``: BOX_COLUMNS of all
    frames of its tracks, for an active speaker network; None: without one.
    """

    clip: MediaClip
    faces: pa.Table
    shots: tuple[tuple[Interval, ...], ...]
    late_s: float = 0.0
    n_voices: int | None = None
    boxes: pa.Table | None = None

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the result, beside params."""
        return (
            *self.clip.content,
            _hash_of(self.faces),
            str(self.shots),
            str(self.late_s),
            str(self.n_voices),
            "" if self.boxes is None else content_hash(self.boxes),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        boxes = None if self.boxes is None else to_bytes(self.boxes)
        rest = (self.shots, self.late_s, self.n_voices)
        return _tracked_clip, (self.clip, to_bytes(self.faces), boxes, *rest)


def _tracked_clip(clip: MediaClip, faces: bytes, boxes: bytes | None, *rest: Any) -> TrackedClip:
    return replace(TrackedClip(clip, from_bytes(faces), *rest), boxes=None if boxes is None else from_bytes(boxes))


def _hash_of(faces: pa.Table) -> str:
    digest = hashlib.sha256()
    for face in from_table(TrackFace, faces):
        digest.update(f"{face.face_id} {face.turned_deg!r} {len(face.image.bytes)} ".encode())
        digest.update(face.image.bytes + face.landmarks_px.tobytes())
    return digest.hexdigest()


def read_tracked_clips(
    dataset: str, params: SubjectsParams, at: Layout, voice_s: float | None, *, all_sound: bool = False
) -> Iterator[TrackedClip]:
    """Yield every clip with several tracks or shots, in id order; memory holds a few clips.

    And, unless ``voice_s`` is None, the clips of one track and one shot, of whose sound about so much is embedded: it
    tells who that is, not when anybody speaks. ``all_sound``: these clips too, with all of their sound to be measured.
    Where ``params`` name an active speaker network, the others have their boxes. Clips of sound alone are as those of
    one track and one shot; still pictures are none of them.
    """
    tracks = ClipRows(at.tracks(dataset), Track, ["track_id", "out_of_step_s"])
    shots, faces_of_clips = ClipRows(at.shots(dataset), Shot), ClipRows(at.track_faces(dataset), TrackFace)
    frames = None if params.active_speaker is None else ClipRows(at.frames(dataset), Frame, list(BOX_COLUMNS))
    for clip in read_media_clips(at.clips(dataset), at.media(dataset), at.root):
        if clip.kind != VIDEO:
            if clip.kind == SOUND and (voice_s is not None or all_sound):
                yield _heard_alone(clip, params, voice_s, all_sound=all_sound)
            continue
        of_clip, shots_of_clip = tracks.of(clip.clip_id), from_table(Shot, shots.of(clip.clip_id))
        is_whole = len(of_clip) == 1 and len(shots_of_clip) < 2
        if len(of_clip) == 0 or (is_whole and ((voice_s is None and not all_sound) or not shots_of_clip)):
            continue
        of_track: dict[str, list[TrackFace]] = defaultdict(list)
        for face in from_table(TrackFace, faces_of_clips.of(clip.clip_id)):
            of_track[face.track_id].append(face)
        chosen = [faces for faces in (chosen_faces(one, params) for one in of_track.values()) if faces]
        faces = [face for faces in chosen for face in faces] if len(chosen) > 1 else []
        shots_s = stretches(((shot.start_s, shot.end_s) for shot in shots_of_clip), params.stretch_s)
        n_voices = None
        if is_whole:
            [parts_s] = shots_s
            n_voices = sum(start_s < parts_s[0][0] + (voice_s or 0.0) for start_s, _ in parts_s)
            shots_s = [parts_s if all_sound else parts_s[:n_voices]]
        late_s = of_clip["out_of_step_s"][0].as_py()
        boxes = None if is_whole or frames is None else frames.of(clip.clip_id)
        yield TrackedClip(clip, to_table(TrackFace, faces), tuple(map(tuple, shots_s)), late_s, n_voices, boxes)


def _heard_alone(clip: MediaClip, params: SubjectsParams, voice_s: float | None, *, all_sound: bool) -> TrackedClip:
    """Return the item of a clip of sound alone, all of which is one stretch after the other."""
    [parts_s] = stretches([clip.range_s], params.stretch_s)
    n_voices = sum(start_s < clip.range_s[0] + (voice_s or 0.0) for start_s, _ in parts_s)
    return TrackedClip(
        clip, to_table(TrackFace, []), (tuple(parts_s if all_sound else parts_s[:n_voices]),), n_voices=n_voices
    )


def chosen_faces(faces: Sequence[TrackFace], params: SubjectsParams) -> list[TrackFace]:
    """Return up to ``max_faces`` of the faces of one track, the most frontal first, ``min_apart_s`` apart.

    Faces smaller than ``min_interocular_px`` are left out.
    """
    chosen: list[TrackFace] = []
    for face in sorted(faces, key=lambda one: (one.turned_deg, one.time_s)):
        is_large = face.interocular_px >= params.min_interocular_px
        if is_large and is_apart(face.time_s, (one.time_s for one in chosen), params.min_apart_s):
            chosen.append(face)
    return chosen[: params.max_faces]


Heard = VoiceEmbedding | StretchSound | ActiveSpeaker
"""What is measured of a clip's sound."""


@dataclass(frozen=True)
class ClipEmbedder:
    """The step.

    ``faces``: the face recognition network, ``voices``: the speaker network; None: no such embeddings. ``sounds``: the
    networks that tell what sounds; ``active``: the one that tells which mouths are still.
    """

    faces: NamedRecogniser | None
    voices: VoiceEmbedder | None
    sounds: SoundNetworks = SoundNetworks()
    active: ActiveSpeakerNetwork | None = None

    def __call__(self, item: TrackedClip, folder: Path) -> list[TrackEmbedding | Heard]:
        """Return an embedding of each track of which a face was kept, and what each stretch sounds of."""
        del folder
        heard = self._heard(item)
        if self.faces is None or not len(item.faces):
            return [*heard]
        of_track: dict[str, list[AlignedGreyFace]] = defaultdict(list)
        for face in from_table(TrackFace, item.faces):
            aligned = _aligned(face)
            if not any(_are_alike(aligned.picture, other.picture) for other in of_track[face.track_id]):
                of_track[face.track_id].append(aligned)
        all_faces = [face for faces in of_track.values() for face in faces]
        network = self.faces.recogniser
        found = network.embed([face.picture for face in all_faces], [face.landmarks for face in all_faces])
        ends = accumulate(map(len, of_track.values()))
        features = {
            track_id: found[end - len(faces) : end]
            for (track_id, faces), end in zip(of_track.items(), ends, strict=True)
        }
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
            for embedding, spherical_variance in filter(None, [mean_direction(features[track_id])])
        ]
        return [*tracks, *heard]

    def _heard(self, item: TrackedClip) -> list[Heard]:
        shots: Sequence[Sequence[Interval]] = item.shots
        sound = read_sound(item.clip, [*chain(*shots)], item.late_s)
        if sound is None:
            return []
        heard = self.sounds.hear(sound)
        if item.n_voices is None and heard.voices is not None:
            shots = ended_at_pauses(item.shots, heard.voices, sound)
        voiced = shots if item.n_voices is None else [parts_s[: item.n_voices] for parts_s in shots]
        voices = () if self.voices is None else self.voices.embed(heard, voiced)
        active: Iterable[ActiveSpeaker] = ()
        if self.active is not None and item.boxes is not None:
            active = self.active.score(item.clip, item.boxes, sound.waveform, sound.begin_s)
        return [*voices, *heard.of_stretches([*chain(*shots)]), *active]


@dataclass(frozen=True, slots=True, eq=False)
class AlignedGreyFace:
    """``picture`` (256, 256, 3), grey, aligned by TEMPLATE; ``landmarks`` (68, 2), its pixels."""

    picture: ImageRGB
    landmarks: Landmarks


def _aligned(face: TrackFace) -> AlignedGreyFace:
    points = face.landmarks_px.reshape(-1, 2)
    similarity = similarity_to(TEMPLATE, *eye_centres(points))
    grey = crop_aligned(decode_grey(face.image.bytes), similarity, TEMPLATE.size_px)
    return AlignedGreyFace(in_rgb(grey), transform(similarity, points))


def _are_alike(one: ImageRGB, other: ImageRGB) -> bool:
    import cv2

    size = _COMPARED_PX, _COMPARED_PX
    parts = [cv2.resize(face[(*_COMPARED, 0)], size, interpolation=cv2.INTER_AREA).ravel() for face in (one, other)]
    first, second = (part - part.mean(dtype=np.float64) for part in parts)
    return bool(first @ second >= _ALIKE * np.sqrt((first @ first) * (second @ second)))
