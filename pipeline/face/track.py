"""Follow faces from frame to frame: the detector confirms a track every few frames, landmarks carry it between."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.arrays import ImageGrey, Landmarks
from pipeline.face.detector import Box, Detection, FaceBackend, iou
from pipeline.face.measure import sharpness_and_brightness
from pipeline.video.decode import GreyFrame

_MAX_GROWTH = 0.1  # of a followed face's box from one frame to the next


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face in one frame: what is measured there, without the picture; pixels are those of the shrunk frame."""

    frame_index: int
    time_s: float
    width_px: int
    height_px: int
    scale: float
    box: Box
    points: Landmarks
    score: float
    detected: bool
    sharpness: float
    brightness: float


@dataclass(slots=True)
class LiveTrack:
    """A track that may go on. Sightings since the last detection are held back until the next one confirms them."""

    confirmed: list[Sighting]
    held_back: list[Sighting] = field(default_factory=list)
    missed: bool = False  # whether the detector has looked since the last detection, and not seen the face

    @property
    def last(self) -> Sighting:
        """The latest sighting, confirmed or not."""
        return self.held_back[-1] if self.held_back else self.confirmed[-1]

    def confirm(self, sighting: Sighting) -> None:
        """Add a detected sighting: what was held back is now known to be true."""
        self.confirmed += [*self.held_back, sighting]
        self.held_back, self.missed = [], False

    def sightings(self) -> list[Sighting]:
        """Return the track as it stands; what is held back counts only while no look has missed the face."""
        return self.confirmed if self.missed else self.confirmed + self.held_back


class Tracker:
    """Turns detections, and following in between, into tracks of sightings."""

    def __init__(self, backend: FaceBackend, *, min_iou: float, max_gap_s: float) -> None:
        self._backend = backend
        self._min_iou = min_iou
        self._max_gap_s = max_gap_s
        self._live: list[LiveTrack] = []
        self._ended: list[list[Sighting]] = []

    def face_heights_px(self) -> list[float]:
        """Return the heights of the faces being followed, pixels of the shrunk frame."""
        return [track.last.box.h for track in self._live]

    def see(self, frame: GreyFrame, detections: list[Detection]) -> None:
        """Take up a frame in which the detector looked: confirm, begin and carry on tracks."""
        free = list(self._live)
        for detection in sorted(detections, key=lambda one: -one.score):
            track = max(free, key=lambda one: iou(one.last.box, detection.box), default=None)
            sighting = self._sight(frame, self._settled(frame, detection.box), detection.score, detected=True)
            if sighting is None:
                continue
            if track is not None and iou(track.last.box, detection.box) >= self._min_iou:
                track.confirm(sighting)
                free.remove(track)
            elif not self._overlaps_live(detection.box):
                self._live.append(LiveTrack([sighting]))
        for track in free:
            track.missed = True
            self._follow_one(track, frame)

    def follow(self, frame: GreyFrame) -> None:
        """Take up a frame in which nobody looked: carry every track on by its landmarks."""
        for track in list(self._live):
            self._follow_one(track, frame)

    def end_all(self) -> None:
        """End every track: a cut, or the end of the clip."""
        for track in list(self._live):
            self._end(track)

    def finished(self) -> list[list[Sighting]]:
        """Return the ended tracks by first appearance, then from left to right."""
        return sorted(self._ended, key=lambda track: (track[0].frame_index, track[0].box.x))

    def _overlaps_live(self, box: Box) -> bool:
        return any(iou(track.last.box, box) >= self._min_iou for track in self._live)

    def _follow_one(self, track: LiveTrack, frame: GreyFrame) -> None:
        box = _near_size(self._backend.box_around(track.last.points), track.last.box)
        if frame.time_s - track.confirmed[-1].time_s > self._max_gap_s or not _touches(box, frame.grey):
            self._end(track)
            return
        sighting = self._sight(frame, box, track.confirmed[-1].score, detected=False)
        if sighting is None:
            track.missed = True
        else:
            track.held_back.append(sighting)

    def _settled(self, frame: GreyFrame, detected: Box) -> Box:
        """Return the box that a detected face's own points ask for; the detector's own jumps from look to look."""
        points = self._backend.landmarks(frame.grey, detected)
        box = detected if points is None else self._backend.box_around(points)
        return box if iou(box, detected) >= self._min_iou else detected

    def _sight(self, frame: GreyFrame, box: Box, score: float, *, detected: bool) -> Sighting | None:
        """Measure the face in ``box``; None when the landmark model sees none there."""
        points = self._backend.landmarks(frame.grey, box)
        if points is None:
            return None
        height, width = frame.grey.shape
        sharpness, brightness = sharpness_and_brightness(frame.grey, box)
        return Sighting(
            frame_index=frame.index,
            time_s=frame.time_s,
            width_px=width,
            height_px=height,
            scale=frame.scale,
            box=box,
            points=points,
            score=score,
            detected=detected,
            sharpness=sharpness,
            brightness=brightness,
        )

    def _end(self, track: LiveTrack) -> None:
        self._live.remove(track)
        self._ended.append(track.sightings())


def _near_size(box: Box, last: Box) -> Box:
    """Return ``box``, its size kept within a tenth of that of the frame before: one bad fit must not run away."""
    share = min(max(box.h / last.h, 1 - _MAX_GROWTH), 1 + _MAX_GROWTH) * last.h / box.h
    w, h = box.w * share, box.h * share
    return Box(box.x + (box.w - w) / 2, box.y + (box.h - h) / 2, w, h)


def _touches(box: Box, grey: ImageGrey) -> bool:
    height, width = grey.shape
    centre = np.array([box.x + box.w / 2, box.y + box.h / 2])
    return bool((centre >= 0).all() and (centre < (width, height)).all())
