"""Subjects as the audio step hears them."""

from pipeline.audio.clip import HeardSubject
from pipeline.audio.segment import WHOLE_CLIP, HeardTurn, Interval
from pipeline.core.records.subject import main_subject_id


def heard(clip_id: str, *seen_s: Interval, turns: tuple[HeardTurn, ...] = (WHOLE_CLIP,)) -> HeardSubject:
    """Return a clip's main subject, seen in these intervals and speaking throughout, or in ``turns``."""
    return HeardSubject(main_subject_id(clip_id), seen_s, turns)
