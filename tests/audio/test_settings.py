"""Section audio is complete, closed and possible, or the error names what is wrong."""

from typing import Any

import pytest

from pipeline.audio.settings import AudioParams
from pipeline.core.base.errors import BadParams
from pipeline.core.base.params import check_section

PAPER: dict[str, Any] = {
    "profile": "paper",
    "vad": "webrtc",
    "sound_of": "turns",
    "join_turns": True,
    "segment_s": 6.0,
    "segment_step_s": 6.0,
    "min_voiced_share": 0.1,
    "pad": "tile",
    "n_frames": 1000,
    "out_of_step": "correct",
    "max_duration_s": 7200.0,
}


def test_the_papers_numbers_are_accepted() -> None:
    assert check_section(AudioParams, PAPER, "audio").model_dump() == PAPER


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_voice_and_nothing_but_voice_may_be_required(share: float) -> None:
    assert check_section(AudioParams, PAPER | {"min_voiced_share": share}, "audio").min_voiced_share == share


@pytest.mark.parametrize("length_s", [6.0, 0.12, 4.96])
def test_segments_of_whole_pictures_are_accepted_where_columns_are_pictures(length_s: float) -> None:
    changes = {"profile": "sync", "segment_s": length_s, "segment_step_s": length_s}
    assert check_section(AudioParams, PAPER | changes, "audio").segment_s == length_s


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_voiced_share": 1.01}, "'min_voiced_share' = 1.01"),
        ({"min_voiced_share": -0.01}, "'min_voiced_share' = -0.01"),
        ({"vad": "energy"}, "'vad' = 'energy'"),
        (
            {"profile": "sync", "segment_s": 6.01},
            "segment_s = 6.01 is no whole number of pictures: profile 'sync' has 25 columns a second, so give a "
            "multiple of 0.04 s",
        ),
        ({"profile": "sync", "segment_step_s": 1.5}, "segment_step_s = 1.5 is no whole number of pictures"),
        ({"max_duration_s": 5.0}, "max_duration_s = 5 is shorter than a segment of 6 s"),
        ({"segment_s": 0.0}, "'segment_s' = 0.0"),
        ({"segment_step_s": -1.0}, "'segment_step_s' = -1.0"),
        ({"n_frames": 0}, "'n_frames' = 0"),
        ({"n_frames": 10.5}, "'n_frames' = 10.5"),
        ({"profile": "papper"}, "'profile' = 'papper'"),
        ({"pad": "wrap"}, "'pad' = 'wrap'"),
        ({"out_of_step": "drop"}, "'out_of_step' = 'drop'"),
        ({"min_voiced_share": float("nan")}, "'min_voiced_share' = nan"),
        ({"pads": "tile"}, "unknown 'pads'"),
    ],
)
def test_an_impossible_value_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParams) as raised:
        check_section(AudioParams, PAPER | changes, "audio")
    assert message in str(raised.value)
