"""Ranges that were counted in frames follow the true rate of the file."""

from dataclasses import replace

import pytest

from pipeline.sources.frame_ranges import range_scale, scaled
from tests.identity.clips import clip

CLIP = replace(clip("set", "ana"), start_s=100.0, end_s=110.0)


@pytest.mark.parametrize(
    ("stated", "fps", "expected"),
    [
        (None, 29.97, 1.0),
        (25.0, 25.0, 1.0),
        (30.0, 30.0, 1.0),
        (30.0, 30000 / 1001, 1.001),
        (30.0, 29.97, 1.001),
        (24.0, 23.976, 1.001),
        (30.0, 60000 / 1001, 1.001),  # offered at twice the rate at which frames were counted
        (60.0, 29.97, 1.001),
        (30.0, 60.0, 1.0),
        (29.97, 29.97, 1.0),
        (30.0, 25.0, 1.0),  # another video than the list's, perhaps: as stated
        (30.0, 0.0, 1.0),
    ],
)
def test_a_rounded_rate_is_told_from_a_true_one(stated: float | None, fps: float, expected: float) -> None:
    assert range_scale(replace(CLIP, range_fps=stated), fps) == pytest.approx(expected, abs=1e-9)


def test_frames_are_where_the_file_shows_them() -> None:
    """Frame 3000 of 30000/1001 frames a second is shown at 100.1 s, not at 100."""
    ntsc = scaled(CLIP, range_scale(replace(CLIP, range_fps=30.0), 30000 / 1001))
    assert (ntsc.start_s, ntsc.end_s) == pytest.approx((3000 * 1001 / 30000, 3300 * 1001 / 30000))
    assert scaled(CLIP, 1.0) is CLIP
    assert scaled(replace(CLIP, end_s=None), 1.001).end_s is None
