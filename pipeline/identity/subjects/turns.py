"""Decide when each subject of a clip speaks, by mouths and voices.

The sound is cut into stretches, and it is decided in two rounds. First, stretches whose voices are alike are one voice,
unless mouths tell of two, and that is of the subject whose mouth moves with it: by all its stretches together, since a
few seconds alone tell little. A voice that no mouth goes with is of somebody unseen: a narrator, an interviewer, a
dubbing voice. That gives each subject a voice: the mean over its stretches (own_voices.py). Then each stretch is
given to the subject that its own mouth and its voice, compared with those means, speak for, and so do the stretches
before and behind it, unless another voice begins between them. A subject's turns are such stretches in which it is
seen; their ends move to where its mouth begins and ends to go with the sound, where that is clear.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.segment import Interval, seconds_within
from pipeline.core.base.units import milliseconds
from pipeline.core.records.subject import Subject, Turn
from pipeline.core.records.track import ActiveSpeaker, Agreement
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.subjects.mouth_lags import MOST_LOG_ODDS, by_mouths, tracks_by_stretch
from pipeline.identity.subjects.own_voices import by_voices, own_voices
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.turn_ends import HalfSeconds, with_moved_ends
from pipeline.speaker.agreement import BIN_S

# A mouth is still in a stretch that an active speaker network finds so for this share. With less, pauses of the
# right speaker count against them: in montages of real clips 8 % of their turns were lost.
_MIN_STILL_SHARE = 0.75
# A subject counts as seen in a stretch in which it is seen for this share of it.
_MIN_SEEN_SHARE = 0.5
# From this change of voices on, the stretch before says nothing of who speaks.
_CERTAIN_CHANGE = 0.5


@dataclass(frozen=True, slots=True)
class ClipEvidence:
    """What is known of who speaks in one clip.

    ``stretches_s``: the stretches of its sound, in order of time. ``voices``: unit embeddings of some, by place.
    ``seen_s``: for each subject the intervals in which it is seen. ``subject_of``: the place in ``subjects`` of the
    subject of each track, by id. ``active``: scores of an active speaker network, of some half seconds.
    ``voice_changes``: how unlike the voices before and behind the start of each stretch are, 0-1; None, or
    empty: not known, and then neighbours say nothing of each other.
    """

    subjects: Sequence[Subject]
    seen_s: Sequence[Sequence[Interval]]
    subject_of: Mapping[str, int]
    agreements: Sequence[Agreement]
    stretches_s: Sequence[Interval]
    voices: Mapping[int, Vectors]
    active: Sequence[ActiveSpeaker] = field(default=())
    voice_changes: Sequence[float | None] = field(default=())


def whole_clip_turn(subject: Subject, clip_s: Interval) -> Turn:
    """Return the turn of the only subject of a clip of one shot: all of it, whether or not mouth and sound agree.

    The list promises that it is this person who speaks; whoever uses the turn may ask for a least av_zscore.
    """
    return Turn(
        turn_id=f"{subject.subject_id}-{milliseconds(clip_s[0]):08d}",
        clip_id=subject.clip_id,
        subject_id=subject.subject_id,
        start_s=clip_s[0],
        end_s=clip_s[1],
        log_odds=None,
        own_log_odds=None,
        overlap_share=None,
        music_share=None,
    )


def turns_of(clip: ClipEvidence, params: SubjectsParams) -> list[Turn]:
    """Return the turns of a clip's subjects, in order of time; stretches that follow each other are one turn."""
    at_lags = [log_odds_at_lags(row, params) for row in clip.agreements]
    own, likeliest = _mouth_log_odds(clip, at_lags, params)
    own -= params.still_mouth_log_odds * _still_mouths(clip)
    turns: list[Turn] = []
    speakers = _speakers(own, clip, params)
    for place, (start_s, end_s) in enumerate(clip.stretches_s):
        found = speakers[place]
        if found is None:
            continue
        number, log_odds = found
        last = turns[-1] if turns else None
        subject, mouth = clip.subjects[number], float(own[place, number])
        if last and last.subject_id == subject.subject_id and last.end_s == start_s:
            turns.pop()
            start_s, mouth = last.start_s, mouth + (last.own_log_odds or 0.0)
            log_odds = min(log_odds, last.log_odds or log_odds)
        turns.append(
            Turn(
                turn_id=f"{subject.subject_id}-{milliseconds(start_s):08d}",
                clip_id=subject.clip_id,
                subject_id=subject.subject_id,
                start_s=start_s,
                end_s=end_s,
                log_odds=log_odds,
                own_log_odds=mouth,
                overlap_share=None,
                music_share=None,
            )
        )
    return with_moved_ends(turns, _half_seconds(clip, at_lags, likeliest), clip.stretches_s, params.min_end_log_odds)


def log_odds_at_lags(row: Agreement, params: SubjectsParams) -> Vectors:
    """Return (2, lags): the log of how much likelier a mouth's movement is in half a second, were the voice its own.

    First by the movements that the sound predicts: the sum of m v - v^2 / 2, by ``mouth_weight``, as neighbouring
    values are alike. Second by height and loudness: height h is c l + noise where the voice is its own, and unrelated
    to loudness l where it is not: (c sum h l - c^2 sum l^2 / 2) / (1 - c^2), with c the ``voice_correlation``; the sums
    count as if they had variance_factor times fewer terms.
    """
    products, loud_products = (np.asarray(one, np.float64) for one in (row.products, row.loud_products))
    by_movements = params.mouth_weight * (products - row.voice_power / 2)
    correlation = params.voice_correlation
    gain = correlation * loud_products - correlation**2 * row.loud_power / 2
    return np.stack([by_movements, gain / (1 - correlation**2) / row.variance_factor])


def _mouth_log_odds(
    clip: ClipEvidence, at_lags: Sequence[Vectors], params: SubjectsParams
) -> tuple[Vectors, dict[str, tuple[int, int]]]:
    """Return (stretches, subjects): by each subject's mouth; minus infinity where it is not seen.

    And the likeliest measure and lag of each track, by id.
    """
    log_odds = np.full((len(clip.stretches_s), len(clip.subjects)), -np.inf)
    for number, intervals_s in enumerate(clip.seen_s):
        for place, (start_s, end_s) in enumerate(clip.stretches_s):
            if seconds_within(start_s, end_s, intervals_s) >= _MIN_SEEN_SHARE * (end_s - start_s):
                log_odds[place, number] = 0.0
    rows = zip(_places(clip.agreements, clip), clip.agreements, at_lags, strict=True)
    halves = ((row.track_id, clip.subject_of[row.track_id], place, of_row) for place, row, of_row in rows if place >= 0)
    return log_odds, by_mouths(tracks_by_stretch(halves), log_odds, params.lag_std_s)


def _places(rows: Sequence[Agreement] | Sequence[ActiveSpeaker], clip: ClipEvidence) -> list[int]:
    """Return for each half second of a track the stretch that its middle is in, by place; -1 before the first one."""
    starts_s = [start_s for start_s, _ in clip.stretches_s]
    middles_s = [row.start_s + BIN_S / 2 for row in rows]
    return [int(place) for place in np.searchsorted(starts_s, middles_s, side="right") - 1]


def _still_mouths(clip: ClipEvidence) -> NDArray[np.bool_]:
    """Return (stretches, subjects): whether the subject's mouth is still for _MIN_STILL_SHARE of a stretch's scores.

    Only that tells something: lips also move without a voice of their own, and rest within a speaker's turn.
    """
    still, scored = np.zeros((2, len(clip.stretches_s), len(clip.subjects)))
    for place, row in zip(_places(clip.active, clip), clip.active, strict=True):
        if place >= 0:
            number = clip.subject_of[row.track_id]
            scored[place, number] += row.covered_s
            still[place, number] += row.covered_s * (row.log_odds < 0)
    return np.asarray((scored > 0) & (still >= _MIN_STILL_SHARE * scored))


def _half_seconds(
    clip: ClipEvidence, at_lags: Sequence[Vectors], likeliest: Mapping[str, tuple[int, int]]
) -> dict[str, HalfSeconds]:
    """Return the half seconds of each subject's mouth, by id, at the measure and lag of its track."""
    found: list[dict[float, float]] = [defaultdict(float) for _ in clip.subjects]
    for row, of_row in zip(clip.agreements, at_lags, strict=True):
        if row.track_id in likeliest:
            found[clip.subject_of[row.track_id]][row.start_s] += float(of_row[likeliest[row.track_id]])
    return {
        subject.subject_id: HalfSeconds(np.array(sorted(of)), np.array([of[start_s] for start_s in sorted(of)]))
        for subject, of in zip(clip.subjects, found, strict=True)
    }


def _speakers(own: Vectors, clip: ClipEvidence, params: SubjectsParams) -> list[tuple[int, float] | None]:
    """Return for each stretch the subject that speaks, by place, and its log odds; None where nobody seen does.

    The candidates are somebody unknown, the subjects seen, by mouth and voice, and the others, by voice. They are the
    states of a hidden Markov model, whose posterior probabilities tell who speaks.
    """
    seen = np.isfinite(own)
    mouths = np.where(seen, np.clip(own, -MOST_LOG_ODDS, MOST_LOG_ODDS), -np.inf)
    voices, is_known = by_voices(own_voices(mouths, clip.voices, params), clip.voices, params)
    here = mouths + voices + params.speaks_log_odds
    of_subjects = np.where(seen, here, np.where(is_known, voices, -np.inf))
    candidates = np.concatenate([np.zeros((len(own), 1)), of_subjects], axis=1)
    speakers: list[tuple[int, float] | None] = []
    for posterior, is_seen in zip(_posteriors(candidates, _same_speaker(clip, params)), seen, strict=True):
        best = int(np.argmax(posterior))
        log_odds = float(posterior[best] - np.logaddexp.reduce(np.delete(posterior, best)))
        is_sure = best > 0 and is_seen[best - 1] and log_odds > params.min_speaker_log_odds
        speakers.append((best - 1, log_odds) if is_sure else None)
    return speakers


def _same_speaker(clip: ClipEvidence, params: SubjectsParams) -> Vectors:
    """Return (stretches - 1,) how much likelier each stretch and the next are of one speaker: natural logarithm."""
    changes = clip.voice_changes or [None] * len(clip.stretches_s)
    known = np.array([_CERTAIN_CHANGE if change is None else change for change in changes[1:]], np.float64)
    return np.asarray(params.same_speaker_log_odds * np.maximum(0.0, 1 - known / _CERTAIN_CHANGE))


def _posteriors(candidates: Vectors, same_speaker: Vectors) -> Vectors:
    """Return (stretches, candidates): the log probability of each, up to a constant, by all stretches.

    By the forward-backward algorithm. ``candidates`` (stretches, candidates): the same by each stretch alone.
    ``same_speaker`` (stretches - 1,): by how much likelier one speaks on than another begins, 0 or more. It is the same
    for all, so each sum over two stretches is one over all candidates and what the same one has more.
    """
    forward, backward = candidates.copy(), np.zeros(candidates.shape)
    with np.errstate(divide="ignore"):  # minus infinity where it is 0
        more = same_speaker + np.log1p(-np.exp(-same_speaker))
    for place in range(1, len(candidates)):
        before = forward[place - 1]
        forward[place] += np.logaddexp(np.logaddexp.reduce(before), before + more[place - 1])
    for place in range(len(candidates) - 1, 0, -1):
        behind = candidates[place] + backward[place]
        backward[place - 1] = np.logaddexp(np.logaddexp.reduce(behind), behind + more[place - 1])
    return forward + backward
