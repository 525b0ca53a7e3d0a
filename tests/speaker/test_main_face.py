"""The main face is the speaker's where one is clear, or else the one that is seen most; never a still picture."""

from dataclasses import replace

import pytest

from pipeline.speaker.main_face import MainFaceParams, main_face, moving_presence
from tests.face.tracks import a_track

PARAMS = MainFaceParams(min_av_zscore=2.5, min_av_zscore_lead=1.0, min_presence_share=0.3)


@pytest.mark.parametrize(
    ("presence", "zscores", "main"),
    [
        ([1.0], [None], 0),
        ([1.0, 2.0], [None, None], 1),
        ([1.0, 2.0], [4.0, 1.0], 0),
        ([1.0, 2.0], [4.0, None], 0),
        ([1.0, 2.0], [2.4, 0.5], 1),
        ([1.0, 2.0], [2.5, 0.5], 0),
        ([1.0, 2.0], [4.0, 3.1], 1),
        ([0.4, 2.0], [9.0, 1.0], 1),
        ([2.0, 1.5, 1.0], [1.0, 2.0, 3.0], 2),
        ([2.0, 1.5, 1.0], [1.0, 2.1, 3.0], 0),
        ([2.0, 1.5, 0.5], [1.0, 3.0, 9.0], 1),
    ],
)
def test_the_main_face_is_the_largest_unless_a_comparable_one_is_clearly_the_speaker(
    presence: list[float], zscores: list[float | None], main: int
) -> None:
    assert main_face(presence, zscores, PARAMS) == main


def test_by_how_much_the_speaker_leads_is_a_param() -> None:
    for lead, main in ((1.0, 1), (0.9, 0), (0.5, 0)):
        assert main_face([1.0, 2.0], [4.0, 3.1], PARAMS.model_copy(update={"min_av_zscore_lead": lead})) == main


def test_a_still_picture_has_no_presence_unless_all_tracks_are_still() -> None:
    moving, still = a_track("set/clip", 0), replace(a_track("set/clip", 1), is_still_picture=True)
    assert moving_presence([moving, still]) == [432_000.0, 0.0]
    assert moving_presence([still]) == [432_000.0]
