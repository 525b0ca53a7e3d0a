"""The benchmark of offsets shifts sound as a file with late or early sound has it, and states shares with intervals."""

import numpy as np
import pytest

from benchmarks.accuracy.av_offset import _share, shifted


@pytest.mark.parametrize(("late_s", "at_s"), [(0.0, 0.5), (0.25, 0.75), (-0.25, 0.25)])
def test_a_click_comes_later_by_the_shift_or_earlier(late_s: float, at_s: float) -> None:
    click = np.zeros(16_000, np.int16)
    click[8_000] = 100
    sound = shifted(click, late_s)
    assert sound.argmax() == at_s * 16_000
    assert len(sound) == (1 + late_s) * 16_000


def test_a_share_has_the_interval_of_wilson() -> None:
    assert _share(0, 10) == "0 of 10 (0.0 to 27.8 %)"
    assert _share(9, 10) == "9 of 10 (59.6 to 98.2 %)"
    assert _share(0, 0) == "0 of 0"
