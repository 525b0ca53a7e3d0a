"""Ranges of lists that count frames: in the file's seconds, by its true rate, once it is here.

A site states whole rates, 30 for what runs at 30000/1001 frames a second; over ten minutes that is 0.6 s. It may also
offer the video at twice or half the rate at which the list counted. By the file's rate it is decided which of these
it was.
"""

from dataclasses import replace
from fractions import Fraction

from pipeline.core.records.clip import Clip

_NTSC = Fraction(1000, 1001)  # of a whole rate: the rates of television in 60 Hz countries
_MULTIPLES = (Fraction(1), Fraction(2), Fraction(1, 2))
_SAME_RATE = 0.0004  # less than half of what 1000/1001 differs from 1; stated rates of files are rounded


def range_scale(clip: Clip, fps: float | None) -> float:
    """Return by what the clip's listed seconds are multiplied for a file of ``fps`` frames a second.

    1 where the list has seconds, and where the file has no rate, or none that the stated one may stand for.
    """
    if clip.range_fps is None or fps is None:
        return 1.0
    stated = Fraction(clip.range_fps).limit_denominator(10_000)
    rates = (stated, stated * _NTSC) if stated.denominator == 1 else (stated,)
    for multiple in _MULTIPLES:
        for rate in rates:
            if abs(fps / float(rate * multiple) - 1) < _SAME_RATE:
                return float(stated / rate)
    return 1.0


def scaled(clip: Clip, scale: float) -> Clip:
    """Return the clip with its range in seconds of its file, which are ``scale`` listed ones."""
    if scale == 1:
        return clip
    start_s, end_s = (None if one is None else one * scale for one in (clip.start_s, clip.end_s))
    return replace(clip, start_s=start_s, end_s=end_s)
