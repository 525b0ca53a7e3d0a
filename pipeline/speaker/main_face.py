"""Choose the main one of the faces of a clip: the speaker's, or else the one that is seen most."""

from collections.abc import Sequence

from pydantic import Field

from pipeline.core.base.params import Params
from pipeline.core.records.track import Track


class MainFaceParams(Params):
    """The limits by which a face is taken as the speaker's; params.yaml says what each key means."""

    min_av_zscore: float = Field(ge=0)
    min_av_zscore_lead: float = Field(ge=0)
    min_presence_share: float = Field(ge=0, le=1)


def moving_presence(tracks: Sequence[Track]) -> list[float]:
    """Return ``presence_px2`` of each of a clip's tracks; 0 of a still picture, unless all of them are."""
    if all(one.is_still_picture for one in tracks):
        return [one.presence_px2 for one in tracks]
    return [0.0 if one.is_still_picture else one.presence_px2 for one in tracks]


def main_face(presence: Sequence[float], av_zscores: Sequence[float | None], params: MainFaceParams) -> int:
    """Return the index of the main face, given each one's ``presence`` (sum of box areas) and av_zscore.

    It is the face with the greatest presence: large, and there for long. But among the faces with at least
    ``min_presence_share`` of that, one whose av_zscore is at least ``min_av_zscore``, and exceeds that of every other
    by ``min_av_zscore_lead``, is the speaker's and takes its place. None, as an av_zscore, counts as 0.
    """
    known = [one or 0.0 for one in av_zscores]
    largest = max(range(len(presence)), key=lambda n: presence[n])
    candidates = [n for n, one in enumerate(presence) if one >= params.min_presence_share * presence[largest]]
    best, *others = sorted(candidates, key=lambda n: -known[n])
    to_beat = max((known[n] + params.min_av_zscore_lead for n in others), default=params.min_av_zscore)
    return best if known[best] >= max(params.min_av_zscore, to_beat) else largest
