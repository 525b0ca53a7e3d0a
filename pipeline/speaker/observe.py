"""Observe a clip: decode it once, detect or follow the faces of every frame, measure them, and build tracks."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from pipeline.audio.extract import of_sound
from pipeline.audio.reading import SoundRange
from pipeline.core.base.arrays import WaveformInt16
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.images import encode_grey
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.units import milliseconds
from pipeline.core.records.frame import Frame
from pipeline.core.records.media import VIDEO
from pipeline.core.records.schema import Image
from pipeline.core.records.track import Agreement, Fingerprint, Shot, Track, TrackFace
from pipeline.face.backends.interface import FaceBackend
from pipeline.face.backends.registry import build_backend
from pipeline.face.tracking.movement import Movement, movement
from pipeline.face.tracking.observations import TrackObservations, track_frames
from pipeline.face.tracking.search import FaceSearch
from pipeline.face.tracking.settings import DetectParams
from pipeline.face.tracking.still import observe_still
from pipeline.face.tracking.tracker import Tracker
from pipeline.speaker.agreement import agreement
from pipeline.speaker.av_offset import AvOffset, av_offset
from pipeline.speaker.mouth_sound import GRID_HZ, Floats, MouthSound, loudness, mouth_sound
from pipeline.speaker.sound_bands import N_BANDS, Bands, SoundBands
from pipeline.speaker.sound_hash import sound_hashes
from pipeline.video.clip import MediaClip
from pipeline.video.decode import GreyFrame, grey_frames
from pipeline.video.picture_hash import PictureHashes
from pipeline.video.shots import CutDetector

_N_FOLLOWING = 2  # frames in which a cut that a face shows must persist

Observed: TypeAlias = Frame | Track | TrackFace | Shot | Agreement | Fingerprint


class Observer:
    """The detect step; its networks are loaded once a worker, at the first clip."""

    def __init__(self, params: DetectParams) -> None:
        self._params = params
        self._backend: FaceBackend | None = None

    def __call__(self, clip: MediaClip, folder: Path) -> list[Observed] | Dropped:
        """Return the Shots, a Frame for each face and frame, a Track for each track and its Agreement; or why not.

        And the Fingerprints of the sound as far as faces are seen; of several tracks their TrackFaces. Of a still
        picture its Frames and Tracks alone.
        """
        del folder
        self._backend = self._backend or build_backend(self._params.backend)
        if clip.kind != VIDEO:
            found = observe_still(clip, self._backend, self._params)
            return found if isinstance(found, Dropped) else [*found]
        pictures = PictureHashes()
        try:
            tracks, shots = self._tracks(clip, pictures)
        except BadMedia as error:
            return Dropped.failed(error.reason, error.detail)
        tracks = [track for track in tracks if _length_s(track) >= self._params.min_track_s]
        if not tracks:
            return Dropped.filtered("no_face", "no face is seen for as long as detect.min_track_s")
        return [*shots, *self._records(clip, tracks, pictures)]

    def __getstate__(self) -> dict[str, Any]:
        return {"_params": self._params, "_backend": None}

    def _tracks(self, clip: MediaClip, pictures: PictureHashes) -> tuple[list[TrackObservations], list[Shot]]:
        params = self._params
        assert self._backend is not None
        search = FaceSearch(self._backend, params, clip_id=clip.clip_id)
        tracker = Tracker(
            self._backend,
            min_iou=params.min_iou,
            max_gap_s=params.max_gap_s,
            look_back_s=params.change_s,
            clip_id=clip.clip_id,
        )
        cuts = CutDetector(params.min_cut_difference, params.min_cut_ratio)
        last_searched = -params.every_n_frames
        starts_s: list[float] = []
        end_s = 0.0
        frames = grey_frames(
            clip.path,
            max_side_px=params.max_side_px,
            start_s=clip.start_s,
            end_s=clip.end_s,
            has_jumps=clip.has_jumps,
        )
        for frame, following in _with_following(frames):
            is_cut = cuts.is_cut(frame)
            pictures.see(frame.time_s, cuts.thumbnail)
            is_cut = is_cut or tracker.sees_cut(frame, following)
            if is_cut or not starts_s:
                starts_s.append(frame.time_s)
            end_s = frame.time_s
            if is_cut:
                tracker.end_all()
            tracker.follow(frame)
            if is_cut or frame.index - last_searched >= params.every_n_frames:
                last_searched = frame.index
                tracker.update(frame, search.find(frame, tracker.boxes()))
        tracker.end_all()
        return tracker.finished(), _shots(clip.clip_id, [*starts_s, end_s])

    def _records(self, clip: MediaClip, tracks: list[TrackObservations], pictures: PictureHashes) -> list[Observed]:
        params = self._params
        ids = [f"{clip.clip_id}-t{number:02d}" for number in range(len(tracks))]
        frames_of = [track_frames(clip.clip_id, track_id, track) for track_id, track in zip(ids, tracks, strict=True)]
        furthest_s = params.max_av_offset_s + params.usual_av_lag_s + params.max_av_lag_s
        loud, bands = _sound(clip, furthest_s, max(frames[-1].time_s for frames in frames_of) + furthest_s)
        offset = av_offset(frames_of, loud, params)
        lag_s = params.usual_av_lag_s + offset.out_of_step_s
        sounds = [
            mouth_sound(frames, loud, params.model_copy(update={"usual_av_lag_s": lag_s})) for frames in frames_of
        ]
        rows = [
            _row(frames, offset, sound, movement(frames, params))
            for frames, sound in zip(frames_of, sounds, strict=True)
        ]
        agreements = [
            agreement(
                frames,
                loud,
                bands,
                out_of_step_s=offset.out_of_step_s,
                usual_lag_s=params.usual_av_lag_s,
                min_loudness=params.min_av_loudness,
            )
            for frames in frames_of
        ]
        moments = fingerprints(clip, bands, pictures)
        faces = chain.from_iterable(map(_faces, rows, tracks)) if len(tracks) > 1 else ()
        return [*rows, *faces, *chain.from_iterable(frames_of), *chain.from_iterable(agreements), *moments]


def _with_following(frames: Iterable[GreyFrame]) -> Iterator[tuple[GreyFrame, Sequence[GreyFrame]]]:
    """Yield each frame with the _N_FOLLOWING after it, fewer at the end."""
    ahead: deque[GreyFrame] = deque()
    for frame in frames:
        ahead.append(frame)
        if len(ahead) > _N_FOLLOWING:
            yield ahead.popleft(), [*ahead]
    while ahead:
        yield ahead.popleft(), [*ahead]


def _shots(clip_id: str, times_s: Sequence[float]) -> list[Shot]:
    return [
        Shot(shot_id=f"{clip_id}-c{number:04d}", clip_id=clip_id, start_s=start_s, end_s=end_s)
        for number, (start_s, end_s) in enumerate(pairwise(times_s))
    ]


def _length_s(track: TrackObservations) -> float:
    return track.last.time_s - track.first.time_s


def _faces(row: Track, track: TrackObservations) -> Iterator[TrackFace]:
    for face in track.faces.kept():
        face_id = f"{row.track_id}-{milliseconds(face.time_s):08d}"
        yield TrackFace(
            face_id=face_id,
            clip_id=row.clip_id,
            track_id=row.track_id,
            time_s=face.time_s,
            turned_deg=face.turned_deg,
            interocular_px=face.interocular_px,
            image=Image(encode_grey(face.grey), f"{face_id}.jpg"),
            landmarks_px=face.points.ravel(),
        )


def _row(frames: Sequence[Frame], offset: AvOffset, sound: MouthSound, moved: Movement) -> Track:
    return Track(
        track_id=frames[0].track_id,
        clip_id=frames[0].clip_id,
        start_s=frames[0].time_s,
        end_s=frames[-1].time_s,
        n_frames=len(frames),
        presence_px2=sum(frame.box_w_px * frame.box_h_px for frame in frames),
        mean_box_h_px=sum(frame.box_h_px for frame in frames) / len(frames),
        **asdict(moved),
        av_covered_s=sound.av_covered_s,
        av_correlation=sound.av_correlation,
        av_lag_s=sound.av_lag_s,
        av_zscore=sound.av_zscore,
        av_offset_s=offset.offset_s,
        av_offset_certainty=offset.certainty,
        out_of_step_s=offset.out_of_step_s,
    )


def fingerprints(clip: MediaClip, bands: Bands, pictures: PictureHashes) -> Iterator[Fingerprint]:
    """Yield the fingerprints of the moments of a clip's sound; ``bands`` begin at 0 on the clock."""
    found = sound_hashes(bands, clip.start_s or 0.0, clip.end_s)
    for time_s, sound_hash in zip(found.times_s.tolist(), found.hashes.tolist(), strict=True):
        yield Fingerprint(
            fingerprint_id=f"{clip.clip_id}-{milliseconds(time_s):08d}",
            clip_id=clip.clip_id,
            time_s=time_s,
            sound_hash=sound_hash,
            picture_hash=pictures.at(time_s),
        )


def _sound(clip: MediaClip, around_s: float, end_s: float) -> tuple[Floats, Bands]:
    """Return loudness and bands of the clip's sound up to ``end_s``; empty when there is none that decodes.

    What is further than ``around_s`` before the clip is not read and 0.
    """
    first = max(0, math.floor(((clip.start_s or 0.0) - around_s) * GRID_HZ))
    start_s = first / GRID_HZ
    wanted = SoundRange(max_duration_s=end_s - start_s, start_s=start_s, has_jumps=clip.has_jumps)
    try:
        loud, bands = of_sound(clip.path, wanted, _loudness_and_bands)[0] if clip.has_audio else _loudness_and_bands(())
    except BadMedia:
        return np.zeros(0), np.zeros((0, N_BANDS), np.float32)
    return np.concatenate([np.zeros(first), loud]), np.concatenate([np.zeros((first, N_BANDS), np.float32), bands])


def _loudness_and_bands(pieces: Iterable[WaveformInt16]) -> tuple[Floats, Bands]:
    bands = SoundBands()
    return loudness(bands.passing(pieces)), bands.finished()
