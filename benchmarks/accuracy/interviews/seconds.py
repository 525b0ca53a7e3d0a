"""For how much of the time of a generated interview those who speak, and nobody else, have a turn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.interviews.truth import NOBODY, Interview
from pipeline.core.records.subject import Turn

RIGHT = "somebody seen speaks: a turn of that person"
ANOTHER = "somebody seen speaks: a turn of another"
SILENT = "a face that does not speak in its shot: gets a voice"
LISTENING = "a face while others speak: gets a voice"
UNSEEN = "nobody seen speaks, a voice sounds: nobody's turn"
FIGURES = (RIGHT, ANOTHER, SILENT, LISTENING, UNSEEN)
ALL_KINDS = ""

STRANGER = -2
"""A turn of a subject that shows none of the people."""


@dataclass
class Seconds:
    """Of one interview: for each figure and kind of shot, seconds that count and seconds in all."""

    of: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)

    def count(self, figure: str, is_part: NDArray[np.bool_], is_whole: NDArray[np.bool_], of: Interview) -> None:
        """Add the frames (T,), or (P, T) of people, that are part of a figure, and those of which they are part."""
        for kind in (ALL_KINDS, *np.unique(of.kinds).tolist()):
            here = is_whole & (of.kinds == kind) if kind else is_whole
            if here.any():
                counts = np.array([(is_part & here).sum(), here.sum()]) * of.frame_s
                self.of[figure, kind] = self.of.get((figure, kind), np.zeros(2)) + counts


def speakers(turns: Iterable[Turn], person_of: Mapping[str, int], of: Interview) -> NDArray[np.int64]:
    """Return (T,): who has a turn in each frame, by the person of each subject; else NOBODY, or STRANGER."""
    given = np.full(len(of.kinds), NOBODY)
    for turn in turns:
        given[(of.times_s >= turn.start_s) & (of.times_s < turn.end_s)] = person_of.get(turn.subject_id, STRANGER)
    return given


def seconds_of(given: NDArray[np.int64], of: Interview) -> Seconds:
    """Return the figures of one interview, by who has a turn, as of ``speakers``."""
    found = Seconds()
    has_turn = np.arange(len(of.seen))[:, None] == given
    speaks, is_heard = np.any(of.speaking, axis=0), np.any(of.heard, axis=0)
    is_right = np.any(has_turn & of.speaking, axis=0)
    others_heard = (of.heard.sum(axis=0) - of.heard) > 0
    found.count(RIGHT, is_right, speaks, of)
    found.count(ANOTHER, (given != NOBODY) & ~is_right, speaks, of)
    found.count(SILENT, has_turn, of.silent, of)
    found.count(LISTENING, has_turn, of.seen & ~of.heard & others_heard, of)
    found.count(UNSEEN, given == NOBODY, is_heard & ~speaks, of)
    return found
