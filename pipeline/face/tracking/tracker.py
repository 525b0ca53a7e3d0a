"""Follow faces from frame to frame: the detector confirms a track every few frames, landmarks follow it between."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.core.base.arrays import Landmarks, Profiles
from pipeline.core.base.units import SAME_TIME_S
from pipeline.face.backends.interface import Detection, FaceBackend, around, reference_to
from pipeline.face.measures.boxes import Box, iou
from pipeline.face.measures.measures import changes, mouth_and_eye_profiles, sharpness_and_brightness
from pipeline.face.tracking.face_cut import N_RECENT, is_other_face, persists, place_change, stands_out
from pipeline.face.tracking.observations import Observation, TrackObservations
from pipeline.video.decode import GreyFrame

# Fixed, as they follow from how landmarks and detectors err, not from the footage.
_MAX_GROWTH = 0.1  # of a followed face's box from one frame to the next
# Boxes of dlib's detector come in steps of a fifth of their side: where one overlaps the followed face less than this,
# the landmarks have drifted.
_MIN_OVERLAP = 0.5


@dataclass(slots=True)
class LiveTrack:
    """A track that may go on; what was observed since the last detection is held back until the next confirms it."""

    confirmed: TrackObservations
    held_back: list[Observation] = field(default_factory=list)
    profiles: deque[tuple[float, Profiles]] = field(default_factory=deque)  # the latest, with their times
    place_changes: deque[float] = field(default_factory=lambda: deque(maxlen=N_RECENT))  # of the latest frames
    placed: tuple[Observation, Box] | None = None  # the latest observation, and the box around its points
    missed: bool = False  # whether the detector ran since the last detection and did not find the face

    @property
    def last(self) -> Observation:
        """The latest observation, confirmed or not."""
        return self.held_back[-1] if self.held_back else self.confirmed.last

    def confirm(self, observation: Observation) -> None:
        """Add a detected observation, in place of a followed one of the same frame; what was held back counts."""
        before = [one for one in self.held_back if one.frame_index != observation.frame_index]
        self.confirmed.add([*before, observation])
        self.held_back, self.missed = [], False

    def changes(self, time_s: float, profiles: Profiles, look_back_s: float) -> tuple[float, float]:
        """Return how far mouth and eyes changed since the frames up to ``look_back_s`` before; keep ``profiles``."""
        while self.profiles and self.profiles[0][0] < time_s - look_back_s - SAME_TIME_S:
            self.profiles.popleft()
        changed = changes(profiles, [earlier for at_s, earlier in self.profiles if at_s < time_s])
        self.profiles.append((time_s, profiles))
        return changed

    def end(self) -> TrackObservations:
        """Return the track, ended; what is held back counts only if no detection has missed the face since."""
        if self.held_back and not self.missed:
            self.confirmed.add(self.held_back)
        self.confirmed.end()
        return self.confirmed


class Tracker:
    """Builds tracks of observations: :meth:`follow` for each frame in order, :meth:`update` where it was searched.

    ``clip_id`` is the clip that the frames are of, for backends that read faces from files.
    """

    def __init__(
        self,
        backend: FaceBackend,
        *,
        min_iou: float,
        max_gap_s: float,
        look_back_s: float,
        clip_id: str | None = None,
    ) -> None:
        self._backend = backend
        self._clip_id = clip_id
        self._min_iou = min_iou
        self._max_gap_s = max_gap_s
        self._look_back_s = look_back_s
        self._live: list[LiveTrack] = []
        self._ended: list[TrackObservations] = []
        self._before: GreyFrame | None = None  # the latest frame in which tracks were continued

    def boxes(self) -> list[Box]:
        """Return the boxes of the live tracks, pixels of the shrunk frame."""
        return [self._place(track) for track in self._live]

    def sees_cut(self, frame: GreyFrame, following: Sequence[GreyFrame]) -> bool:
        """Return whether most of the faces in the last frame are others' from ``frame`` on; before it is followed.

        ``following``: the next frames, as far as there are any.
        """
        before = self._before
        if before is None:
            return False
        seen = [one for one in self._live if one.last.frame_index == before.index and not one.missed]
        return 2 * sum([self._is_other(one, frame, following) for one in seen]) > len(seen)

    def follow(self, frame: GreyFrame) -> None:
        """Continue every live track in ``frame`` by its landmarks."""
        for track in list(self._live):
            self._follow_one(track, frame)
        self._before = frame

    def update(self, frame: GreyFrame, detections: list[Detection]) -> None:
        """Confirm, correct and begin tracks by the ``detections`` in the frame just followed."""
        free = list(self._live)
        for detection in sorted(detections, key=lambda one: -one.score):
            track = max(free, key=lambda one: self._overlap(one, detection), default=None)
            if track is not None and self._overlap(track, detection) >= self._min_iou:
                if observation := self._confirmed(track, frame, detection):
                    track.confirm(observation)
                    track.confirmed.faces.see(frame, observation.box, observation.points)
                    free.remove(track)
            elif self._is_new(detection) and (observation := self._observe_anew(frame, detection)):
                self._live.append(track := LiveTrack(TrackObservations(observation)))
                track.confirmed.faces.see(frame, observation.box, observation.points)
        for track in free:
            track.missed = True

    def end_all(self) -> None:
        """End every track: a cut, or the end of the clip."""
        for track in list(self._live):
            self._end(track)

    def finished(self) -> list[TrackObservations]:
        """Return the ended tracks by first appearance, then from left to right."""
        return sorted(self._ended, key=lambda track: (track.first.frame_index, track.first.box.x))

    def _place(self, track: LiveTrack) -> Box:
        last = track.last
        if track.placed is None or track.placed[0] is not last:
            track.placed = last, self._backend.box_around(last.points)
        return track.placed[1]

    def _overlap(self, track: LiveTrack, detection: Detection) -> float:
        return iou(self._place(track), detection.box)

    def _is_new(self, detection: Detection) -> bool:
        return all(self._overlap(track, detection) < self._min_iou for track in self._live)

    def _is_other(self, track: LiveTrack, frame: GreyFrame, following: Sequence[GreyFrame]) -> bool:
        """Return whether the face in place of a track's is somebody else's."""
        before, box = self._before, self._place(track)
        assert before is not None
        change = place_change(before, frame, box)
        recent = [*track.place_changes]
        track.place_changes.append(change)
        if not (stands_out(change, recent) and persists(before, following, box)):
            return False
        found, left, top = self._fitted(frame, _limited_growth(box, track.last.box))
        return found is None or is_other_face(
            before, track.last.points, frame, found + np.array((left, top), np.float32)
        )

    def _fitted(self, frame: GreyFrame, box: Box) -> tuple[Landmarks | None, int, int]:
        """Return the landmarks of the face in ``box``, pixels of a part of ``frame``, and its left and top.

        None when the model finds no face there.
        """
        grey, left, top = around(frame, box, self._backend.margin)
        reference = reference_to(frame, self._clip_id)
        return self._backend.landmarks(grey, box.moved(-left, -top), reference), left, top

    def _follow_one(self, track: LiveTrack, frame: GreyFrame) -> None:
        box = _limited_growth(self._place(track), track.last.box)
        if frame.time_s - track.confirmed.last.time_s > self._max_gap_s or not _is_inside(box, frame.shape):
            self._end(track)
            return
        observation = self._observe(frame, box, track, track.confirmed.last.score, detected=False)
        if observation is None:
            track.missed = True
        else:
            track.held_back.append(observation)

    def _confirmed(self, track: LiveTrack, frame: GreyFrame, detection: Detection) -> Observation | None:
        """Return the followed observation as a detected one, or one fitted anew where following has drifted."""
        followed = track.last
        if followed.frame_index == frame.index and self._overlap(track, detection) >= _MIN_OVERLAP:
            return replace(followed, score=detection.score, detected=True)
        return self._observe_anew(frame, detection, track)

    def _observe_anew(
        self, frame: GreyFrame, detection: Detection, track: LiveTrack | None = None
    ) -> Observation | None:
        """Measure a detected face in the box around its own points; the detector's may be a step of scale off."""
        found, left, top = self._fitted(frame, detection.box)
        box = detection.box if found is None else self._backend.box_around(found).moved(left, top)
        settled = box if iou(box, detection.box) >= self._min_iou else detection.box
        return self._observe(frame, settled, track, detection.score, detected=True)

    def _observe(
        self, frame: GreyFrame, box: Box, track: LiveTrack | None, score: float, *, detected: bool
    ) -> Observation | None:
        """Measure the face in ``box``; None when the landmark model finds none there."""
        grey, left, top = around(frame, box, self._backend.margin)
        found = self._backend.landmarks(grey, box.moved(-left, -top), reference_to(frame, self._clip_id))
        if found is None:
            return None
        height, width = frame.shape
        sharpness, brightness = sharpness_and_brightness(grey, box.moved(-left, -top))
        profiles = mouth_and_eye_profiles(grey, found)
        mouth_change, eye_change = track.changes(frame.time_s, profiles, self._look_back_s) if track else (0.0, 0.0)
        return Observation(
            frame_index=frame.index,
            time_s=frame.time_s,
            width_px=width,
            height_px=height,
            scale=frame.scale,
            box=box,
            points=found + np.array((left, top), np.float32),
            score=score,
            detected=detected,
            sharpness=sharpness,
            brightness=brightness,
            mouth_change=mouth_change,
            eye_change=eye_change,
            mouth_profile=profiles[0],
        )

    def _end(self, track: LiveTrack) -> None:
        self._live.remove(track)
        self._ended.append(track.end())


def _limited_growth(box: Box, last: Box) -> Box:
    """Return ``box``, its size kept within a tenth of that of the frame before: one bad fit must not be amplified."""
    share = min(max(box.h / last.h, 1 - _MAX_GROWTH), 1 + _MAX_GROWTH) * last.h / box.h
    w, h = box.w * share, box.h * share
    return Box(box.x + (box.w - w) / 2, box.y + (box.h - h) / 2, w, h)


def _is_inside(box: Box, shape: tuple[int, int]) -> bool:
    """Return whether the box's centre lies in a picture of this height and width."""
    height, width = shape
    return bool(0 <= box.x + box.w / 2 < width and 0 <= box.y + box.h / 2 < height)
