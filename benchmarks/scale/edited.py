"""Every fourth clip is edited: a cut in its middle, a track before and one behind it, both of one person."""

from itertools import chain

import numpy as np
import pyarrow as pa

from benchmarks.scale.names import NETWORK, clip_number
from pipeline.core.base.images import encode_grey
from pipeline.core.records.schema import Image, to_table
from pipeline.core.records.subject import StretchSound, TrackEmbedding, VoiceEmbedding
from pipeline.core.records.track import TrackFace
from pipeline.face.measures.points import N_POINTS
from pipeline.identity.network.voice_network import N_FEATURES
from pipeline.identity.subjects.sound import stretch_id
from pipeline.identity.subjects.stretches import stretches

CUT_MS = 3000
TRACK_EMBEDDING_SIZE = 128  # of MobileFaceNet and of dlib's network
_EVERY = 4
_EDITED = 3
_STRETCH_S = 2.0  # subjects.stretch_s
_PICTURE_PX = 224


def is_edited(clip_id: str) -> bool:
    """Return whether the clip has two shots."""
    return clip_number(clip_id) % _EVERY == _EDITED


def track_of(clip_id: str, time_ms: int) -> str:
    """Return the id of the clip's track at a time."""
    return f"{clip_id}-t{int(is_edited(clip_id) and time_ms >= CUT_MS):02d}"


def shots_ms(clip_id: str, end_ms: int) -> list[tuple[int, int]]:
    """Return start and end of each shot of a clip that ends at ``end_ms``."""
    return [(0, CUT_MS), (CUT_MS, end_ms)] if is_edited(clip_id) else [(0, end_ms)]


def track_face_rows(clip_id: str) -> pa.Table:
    """Return two faces of each track of an edited clip, all of one picture; no rows of other clips."""
    picture = Image(encode_grey(np.full((_PICTURE_PX, _PICTURE_PX), 128, np.uint8)), "face.jpg")
    times_ms = [start_ms + later_ms for start_ms in (0, CUT_MS) for later_ms in (0, 1000)]
    faces = [
        TrackFace(
            face_id=f"{track_of(clip_id, time_ms)}-{time_ms:08d}",
            clip_id=clip_id,
            track_id=track_of(clip_id, time_ms),
            time_s=time_ms / 1000,
            turned_deg=1.0,
            interocular_px=60.0,
            image=picture,
            landmarks_px=np.full(2 * N_POINTS, 100.0, np.float32),
        )
        for time_ms in times_ms
        if is_edited(clip_id)
    ]
    return to_table(TrackFace, faces)


def subject_embedding_rows(clip_id: str, end_ms: int) -> dict[type, pa.Table]:
    """Return what sounds in a clip, and the embeddings of an edited clip's tracks and voices, all equal."""
    shots_s = [(start_ms / 1000, end_ms / 1000) for start_ms, end_ms in shots_ms(clip_id, end_ms)]
    parts_s = [*chain(*stretches(shots_s, _STRETCH_S))]
    sounds = [
        StretchSound(
            stretch_id=stretch_id(clip_id, start_s),
            clip_id=clip_id,
            start_s=start_s,
            end_s=end_s,
            voice_change=0.0,
            overlap_share=0.0,
            speech_share=0.75,
            singing_share=0.0,
            music_share=0.25,
        )
        for start_s, end_s in parts_s
    ]
    if not is_edited(clip_id):
        shots_s, parts_s = [], []
    tracks = [
        TrackEmbedding(
            track_id=track_of(clip_id, round(1000 * start_s)),
            clip_id=clip_id,
            network=NETWORK,
            n_faces=3,
            spherical_variance=0.1,
            embedding=_unit(TRACK_EMBEDDING_SIZE),
        )
        for start_s, _ in shots_s
    ]
    voices = [
        VoiceEmbedding(
            stretch_id=stretch_id(clip_id, start_s),
            clip_id=clip_id,
            start_s=start_s,
            end_s=end_s,
            network=NETWORK,
            embedding=_unit(N_FEATURES),
        )
        for start_s, end_s in parts_s
    ]
    return {
        TrackEmbedding: to_table(TrackEmbedding, tracks),
        VoiceEmbedding: to_table(VoiceEmbedding, voices),
        StretchSound: to_table(StretchSound, sounds),
    }


def _unit(size: int) -> np.ndarray:
    return np.full(size, size**-0.5, np.float32)
