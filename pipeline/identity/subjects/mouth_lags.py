"""How much likelier a voice is a subject's own by its mouth, whatever the measure and the lag are.

By how much the sound comes later than its picture is a property of a recording, and footage is cut together from
several: of two tracks of one subject each may have a lag of its own. A track also may be followed well by one measure
of the mouth and badly by the other. So neither is chosen once for a subject: each pair of a measure and a lag has a
probability, by all stretches of the subject and the other ones of the track, and the likelihood is the mean over these.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.core.storage.vectors import Vectors
from pipeline.speaker.agreement import LAGS_S

MOST_LOG_ODDS = 8.0
"""One stretch says at most so much for or against a subject: a badly followed mouth must not outweigh all others."""

# How likely a track has another measure or lag than its subject usually has, and the standard deviation of such lags.
_OTHER_SHARE, _OTHER_STD_S = 0.1, 0.12


@dataclass(frozen=True, slots=True, eq=False)
class TrackMouth:
    """The mouth of one track: (2, lags) log odds that a stretch's voice is its own, by the place of the stretch."""

    track_id: str
    subject: int
    at_lags: Mapping[int, Vectors]


def tracks_by_stretch(rows: Iterable[tuple[str, int, int, Vectors]]) -> list[TrackMouth]:
    """Return the mouths of tracks, given half seconds: track, subject and stretch by place, and (2, lags) log odds."""
    sums: dict[tuple[str, int], dict[int, Vectors]] = defaultdict(dict)
    for track_id, subject, place, log_odds in rows:
        of_track = sums[track_id, subject]
        of_track[place] = of_track[place] + log_odds if place in of_track else log_odds
    return [TrackMouth(track_id, subject, of) for (track_id, subject), of in sums.items()]


def by_mouths(tracks: Iterable[TrackMouth], log_odds: Vectors, lag_std_s: float) -> dict[str, tuple[int, int]]:
    """Add to ``log_odds`` (stretches, subjects) what mouths say; return each track's likeliest measure and lag.

    In each stretch the voice is its own or not, one as likely as the other. ``lag_std_s``: of a subject's lags around
    the usual one.
    """
    of_subjects: dict[int, list[TrackMouth]] = defaultdict(list)
    for track in tracks:
        of_subjects[track.subject].append(track)
    usual, other = _normal(lag_std_s), _normal(_OTHER_STD_S)
    likeliest: dict[str, tuple[int, int]] = {}
    for subject, of_subject in of_subjects.items():
        fits = [_fits(track) for track in of_subject]
        whole = _normalised(usual + np.concatenate(fits).sum(axis=0))
        prior = np.logaddexp(np.log(1 - _OTHER_SHARE) + whole, np.log(_OTHER_SHARE) + other)
        for track, fit in zip(of_subject, fits, strict=True):
            of_track = prior + fit.sum(axis=0)
            measure, lag = np.unravel_index(int(np.argmax(of_track)), of_track.shape)
            likeliest[track.track_id] = int(measure), int(lag)
            for (place, here), own_fit in zip(track.at_lags.items(), fit, strict=True):
                likely = _normalised(of_track - own_fit)
                log_odds[place, subject] += np.logaddexp.reduce((likely + here).ravel())
    return likeliest


def _normal(std_s: float) -> Vectors:
    """Return (2, lags) log probabilities: lags are normally distributed around the usual one, 0."""
    return _normalised(np.tile(-((np.array(LAGS_S) / std_s) ** 2) / 2, (2, 1)))


def _normalised(log_likelihoods: Vectors) -> Vectors:
    return np.asarray(log_likelihoods - np.logaddexp.reduce(log_likelihoods.ravel()))


def _fits(track: TrackMouth) -> Vectors:
    """Return (stretches, 2, lags) log likelihoods of each stretch, whose voice is the track's own or not."""
    log_odds = np.clip(np.stack([*track.at_lags.values()]), -MOST_LOG_ODDS, MOST_LOG_ODDS)
    return np.asarray(np.logaddexp(0.0, log_odds) - np.log(2))
