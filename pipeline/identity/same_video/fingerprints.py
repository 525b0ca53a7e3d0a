"""Clips with common content in any encoding, found by the fingerprints of their sound and picture.

Alike moments of two clips that have parts of their hashes in common are searched by joins; the clips are then compared
by all of their moments at those offsets. Talkers in one studio are alike in picture, and recordings over other pictures
in sound: a moment is common where both hashes are alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records.track import Fingerprint
from pipeline.core.storage.query import add_table, query, rows_of
from pipeline.identity.same_video.pairs import BY_FINGERPRINTS, CommonContent
from pipeline.identity.same_video.settings import SameVideoParams

_MIN_MOMENTS = 2  # at one offset: of two unrelated moments in 50,000 the sounds are alike, of 1000 the pictures
_SAME_TIME_S = 0.08  # between moments at one offset
_LOOSER = 1.5  # times as many bits of sound may differ in further moments at that offset, by chance in 1 of 150
_AROUND_S = 1.0  # a moment stands for so much before and behind it
_MOST_OFFSETS = 16
_OFFSET_STEP_S = 0.2

# Each hash is looked up by each two of the five parts of its bits, which are a key: copies share one where bits of
# three parts differ. Each clip is compared with the next four of those that share a key: work grows with the number of
# moments alone, and of a hundred copies each is linked with the next ones. Unrelated moments that share one differ in
# other bits, or in their pictures.
_CANDIDATES = """
    CREATE TABLE candidates AS
    WITH keyed AS (
        SELECT regexp_replace(clip_id, '-p[0-9]{3,}$', '') AS clip,
            {'time_s': time_s, 'sound': sound_hash, 'picture': picture_hash} AS moment,
            ((sound_hash >> (12 * i)) & 4095) + (((sound_hash >> (12 * j)) & 4095) << 12) + ((5 * i + j) << 24) AS key
        FROM fingerprints, range(5) AS one(i), range(5) AS other(j) WHERE i < j
    ),
    firsts AS (SELECT key, clip, min(moment) AS moment FROM keyed GROUP BY key, clip),
    linked AS (
        SELECT clip, moment, unnest([
            {'clip': lead(clip, 1) OVER same, 'moment': lead(moment, 1) OVER same},
            {'clip': lead(clip, 2) OVER same, 'moment': lead(moment, 2) OVER same},
            {'clip': lead(clip, 3) OVER same, 'moment': lead(moment, 3) OVER same},
            {'clip': lead(clip, 4) OVER same, 'moment': lead(moment, 4) OVER same}
        ]) AS next
        FROM firsts WINDOW same AS (PARTITION BY key ORDER BY clip)
    ),
    offsets AS (
        SELECT clip, next.clip AS other, next.moment.time_s - moment.time_s AS offset_s, unnest([0, 0.5]) AS shift
        FROM linked
        WHERE bit_count(xor(moment.sound, next.moment.sound)) <= $max_sound_bits
            AND bit_count(xor(moment.picture, next.moment.picture)) <= $max_picture_bits
    ),
    near AS (
        SELECT clip, other, median(offset_s) AS offset_s, count(*) AS n
        FROM offsets GROUP BY clip, other, shift, floor(offset_s / $step_s + shift)
    )
    SELECT clip, other, list(offset_s ORDER BY n DESC, offset_s)[:$most_offsets] AS offsets_s
    FROM near GROUP BY clip, other
"""
_MOMENTS = """
    WITH moments AS (
        SELECT regexp_replace(clip_id, '-p[0-9]{3,}$', '') AS clip, time_s, sound_hash, picture_hash FROM fingerprints
    ),
    sides AS (
        SELECT clip AS a, other AS b, offsets_s, unnest([0, 1]) AS side, unnest([clip, other]) AS clip FROM candidates
    )
    SELECT a, b, offsets_s, side, time_s, sound_hash, picture_hash FROM sides JOIN moments USING (clip)
    ORDER BY a, b, side, time_s
"""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The fingerprints of a clip, ascending by time."""

    times_s: NDArray[np.float64]
    sounds: NDArray[np.int64]
    pictures: NDArray[np.int64]


def common_by_fingerprints(paths: Sequence[Path], params: SameVideoParams, folder: Path) -> Iterator[CommonContent]:
    """Yield the pairs of clips of which a part is alike in sound and picture, in id order.

    ``paths``: manifests of Fingerprint. Intermediate results lie in ``folder``.
    """
    with query({}, folder) as connection:
        add_table(connection, "fingerprints", paths, Fingerprint)
        limits = {
            "max_sound_bits": _LOOSER * params.max_sound_bits,
            "max_picture_bits": params.max_picture_bits,
            "step_s": _OFFSET_STEP_S,
            "most_offsets": _MOST_OFFSETS,
        }
        connection.execute(_CANDIDATES, limits)
        rows = rows_of(connection, _MOMENTS)
        for (clip_id, other_clip_id), of_pair in groupby(rows, key=itemgetter(0, 1)):
            found = [*of_pair]
            a, b = (_moments([row for row in found if row[3] == side]) for side in (0, 1))
            common = common_moments(a, b, found[0][2], params)
            if common[0].any():
                yield CommonContent(
                    clip_id=clip_id,
                    other_clip_id=other_clip_id,
                    share=_covered_s(a.times_s[common[0]]) / _covered_s(a.times_s),
                    other_share=_covered_s(b.times_s[common[1]]) / _covered_s(b.times_s),
                    common_s=_covered_s(a.times_s[common[0]]),
                    found_by=BY_FINGERPRINTS,
                )


def common_moments(
    a: Moments, b: Moments, offsets_s: Sequence[float], params: SameVideoParams
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which moments of ``a``, and which of ``b``, are alike where ``b`` is later by one of ``offsets_s``."""
    common_a, common_b = np.zeros(len(a.times_s), np.bool_), np.zeros(len(b.times_s), np.bool_)
    for offset_s in offsets_s:
        nearest = _nearest(b.times_s, a.times_s + offset_s)
        sound_bits = np.bitwise_count(a.sounds ^ b.sounds[nearest])
        may_be = (np.abs(b.times_s[nearest] - a.times_s - offset_s) <= _SAME_TIME_S) & (
            np.bitwise_count(a.pictures ^ b.pictures[nearest]) <= params.max_picture_bits
        )
        if np.count_nonzero(may_be & (sound_bits <= params.max_sound_bits)) >= _MIN_MOMENTS:
            is_common = may_be & (sound_bits <= _LOOSER * params.max_sound_bits)
            common_a |= is_common
            common_b[nearest[is_common]] = True
    return common_a, common_b


def _moments(rows: Sequence[tuple[Any, ...]]) -> Moments:
    times_s, sounds, pictures = zip(*(row[4:] for row in rows), strict=True)
    return Moments(np.array(times_s), np.array(sounds, np.int64), np.array(pictures, np.int64))


def _nearest(times_s: NDArray[np.float64], wanted_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each of ``wanted_s`` the index of the nearest of ``times_s``, which ascend."""
    after = np.clip(np.searchsorted(times_s, wanted_s), 1, max(1, len(times_s) - 1))
    after = np.minimum(after, len(times_s) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(times_s[before] - wanted_s) <= np.abs(times_s[after] - wanted_s), before, after)


def _covered_s(times_s: NDArray[np.float64]) -> float:
    """Return how long it is within _AROUND_S of one of ``times_s``, which ascend."""
    return float(np.minimum(np.diff(times_s), 2 * _AROUND_S).sum() + 2 * _AROUND_S) if len(times_s) else 0.0
