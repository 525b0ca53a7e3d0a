"""Score, in each half second of a track, whether its face speaks by an active speaker network.

The network fires on moving lips whoever's voice sounds, so its scores tell a still mouth rather than a speaker.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Waveform
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.units import milliseconds
from pipeline.core.records.track import ActiveSpeaker
from pipeline.face.measures.boxes import Box
from pipeline.speaker.agreement import BIN_S
from pipeline.speaker.light_asd import CEPSTRA_HZ, FRAME_HZ, INPUT_PX, LightAsd, mel_cepstra
from pipeline.video.clip import MediaClip
from pipeline.video.decode import GreyFrame, grey_frames

BOX_COLUMNS = ("track_id", "time_s", "box_x_px", "box_y_px", "box_w_px", "box_h_px")
"""The columns of Frame that are read."""
_MAX_SIDE_PX = 1280
# Scored at once; what is left of a track, with up to twice as much: the network takes 460 MB for it. A few pictures by
# themselves would be scored as a still mouth.
_CHUNK_S = 2.0
# The network's training faces lie in boxes from hairline to chin, larger by this than those of detectors here. It sees
# a square in each: in halves of its size from its centre, so much to both sides, above and below.
_BOX_SCALE = 1.2
_ASIDE, _ABOVE, _BELOW = 0.7, 0.3, 1.1
_BORDER_GREY = 110


@dataclass(frozen=True)
class ActiveSpeakerNetwork:
    """An active speaker network, with its name."""

    network: LightAsd
    name: str

    def score(self, clip: MediaClip, boxes: pa.Table, sound: Waveform, begin_s: float) -> Iterator[ActiveSpeaker]:
        """Yield the scores of all tracks of a clip, track by track in each part of its time.

        ``boxes``: BOX_COLUMNS of all frames of its tracks, by time; ``sound`` (N,) 16 kHz begins at ``begin_s`` on the
        clock of the picture. None of a clip whose picture does not decode.
        """
        cepstra = mel_cepstra(sound)
        sums: dict[tuple[str, int], list[float]] = defaultdict(list)
        try:
            for track_id, times_s, faces in _chunks(clip, boxes):
                grid_s, log_odds = self._log_odds(times_s, faces, cepstra, begin_s)
                for time_s, one in zip(grid_s.tolist(), log_odds.tolist(), strict=True):
                    sums[track_id, math.floor(time_s / BIN_S + 1e-6)].append(one)
        except BadMedia:
            return
        for (track_id, number), found in sorted(sums.items()):
            yield ActiveSpeaker(
                score_id=f"{track_id}-{milliseconds(number * BIN_S):08d}",
                clip_id=clip.clip_id,
                track_id=track_id,
                start_s=number * BIN_S,
                covered_s=len(found) / FRAME_HZ,
                network=self.name,
                log_odds=float(np.mean(found)),
            )

    def _log_odds(
        self, times_s: NDArray[np.float64], faces: Sequence[ImageGrey], cepstra: NDArray[np.float32], begin_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return (N,) the times, FRAME_HZ a second, at which there are faces and sound, and (N,) their log odds."""
        grid = np.arange(math.ceil(times_s[0] * FRAME_HZ - 1e-6), math.floor(times_s[-1] * FRAME_HZ + 1e-6) + 1)
        first = np.round((grid / FRAME_HZ - begin_s) * CEPSTRA_HZ).astype(np.int64)
        each = CEPSTRA_HZ // FRAME_HZ
        heard = (first >= 0) & (first + each <= len(cepstra))
        grid, first = grid[heard], first[heard]
        if not len(grid):
            return np.empty(0), np.empty(0, np.float32)
        nearest = np.abs(grid[:, None] / FRAME_HZ - times_s).argmin(axis=1)
        pictures = np.stack([faces[place] for place in nearest.tolist()])
        return grid / FRAME_HZ, self.network.log_odds(pictures, cepstra[first[0] : first[0] + each * len(grid)])


def lower_face(frame: GreyFrame, box: Box) -> ImageGrey:
    """Return (112, 112): the part of a face that the network sees; ``box`` in pixels of the full frame."""
    import cv2

    box = box.scaled(1 / frame.scale)
    half = max(box.w, box.h) / 2 * _BOX_SCALE
    x, y = box.x + box.w / 2, box.y + box.h / 2
    left, top = round(x - _ASIDE * half), round(y - _ABOVE * half)
    right, bottom = max(left + 1, round(x + _ASIDE * half)), max(top + 1, round(y + _BELOW * half))
    height, width = frame.shape
    inside = [min(max(one, 0), most) for one, most in ((top, height), (bottom, height), (left, width), (right, width))]
    part = frame.part(inside[2], inside[0], inside[3], inside[1])
    if not part.size:
        return np.full((INPUT_PX, INPUT_PX), _BORDER_GREY, np.uint8)
    borders = (inside[0] - top, bottom - inside[1], inside[2] - left, right - inside[3])
    whole = cv2.copyMakeBorder(part, *borders, cv2.BORDER_CONSTANT, value=_BORDER_GREY)
    return np.asarray(cv2.resize(whole, (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _chunks(clip: MediaClip, boxes: pa.Table) -> Iterator[tuple[str, NDArray[np.float64], list[ImageGrey]]]:
    """Yield the lower faces of each track, with their times: of _CHUNK_S, at its end of up to twice as much."""
    at: dict[float, list[tuple[str, Box]]] = defaultdict(list)
    for row in boxes.to_pylist():
        box = Box(row["box_x_px"], row["box_y_px"], row["box_w_px"], row["box_h_px"])
        at[row["time_s"]].append((row["track_id"], box))
    open_: dict[str, list[tuple[float, ImageGrey]]] = defaultdict(list)
    for frame in grey_frames(
        clip.path, max_side_px=_MAX_SIDE_PX, start_s=clip.start_s, end_s=clip.end_s, has_jumps=clip.has_jumps
    ):
        for track_id in list(open_):
            faces = open_[track_id]
            if frame.time_s - faces[-1][0] >= _CHUNK_S:  # the track is over
                yield _closed(track_id, open_.pop(track_id))
            elif faces[-1][0] - faces[0][0] >= 2 * _CHUNK_S:
                n = sum(time_s - faces[0][0] < _CHUNK_S for time_s, _ in faces)
                yield _closed(track_id, faces[:n])
                open_[track_id] = faces[n:]
        for track_id, box in at.get(frame.time_s, ()):
            open_[track_id].append((frame.time_s, lower_face(frame, box)))
    for track_id, faces in open_.items():
        yield _closed(track_id, faces)


def _closed(
    track_id: str, faces: Sequence[tuple[float, ImageGrey]]
) -> tuple[str, NDArray[np.float64], list[ImageGrey]]:
    return track_id, np.array([time_s for time_s, _ in faces]), [face for _, face in faces]
