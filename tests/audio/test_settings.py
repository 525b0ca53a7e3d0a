"""Section audio is complete, closed and possible, or says what is wrong."""

from typing import Any

import pytest

from pipeline.audio.settings import AudioParams
from pipeline.errors import BadParams
from pipeline.params import check_section

PAPER: dict[str, Any] = {
    "profile": "paper",
    "segment_s": 6.0,
    "segment_step_s": 6.0,
    "min_voiced_s": 0.5,
    "pad": "tile",
    "n_frames": 1000,
    "max_duration_s": 7200.0,
}


def test_the_papers_numbers_are_accepted() -> None:
    assert check_section(AudioParams, PAPER, "audio").model_dump() == PAPER


def test_voiced_seconds_exactly_as_long_as_the_segment_are_accepted() -> None:
    assert check_section(AudioParams, PAPER | {"min_voiced_s": 6.0}, "audio").min_voiced_s == 6.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_voiced_s": 6.1}, "min_voiced_s = 6.1 can't be reached in segments of 6 s"),
        ({"max_duration_s": 5.0}, "max_duration_s = 5 is shorter than a segment of 6 s"),
        ({"segment_s": 0.0}, "'segment_s' = 0.0"),
        ({"segment_step_s": -1.0}, "'segment_step_s' = -1.0"),
        ({"n_frames": 0}, "'n_frames' = 0"),
        ({"n_frames": 10.5}, "'n_frames' = 10.5"),
        ({"profile": "papper"}, "'profile' = 'papper'"),
        ({"pad": "wrap"}, "'pad' = 'wrap'"),
        ({"min_voiced_s": float("nan")}, "'min_voiced_s' = nan"),
        ({"pads": "tile"}, "unknown 'pads'"),
    ],
)
def test_an_impossible_value_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParams) as raised:
        check_section(AudioParams, PAPER | changes, "audio")
    assert message in str(raised.value)
