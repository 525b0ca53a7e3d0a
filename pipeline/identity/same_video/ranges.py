"""Clips with common content by what their lists say: overlapping ranges of one source video, or of one file."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from pipeline.core.records.clip import Clip
from pipeline.core.records.media import Media
from pipeline.core.storage.query import add_table, query, rows_of
from pipeline.identity.same_video.pairs import BY_FILE, BY_SOURCE, CommonContent
from pipeline.identity.same_video.source import YOUTUBE_ID

_N_NEXT = 4  # of the clips that begin within one, those it is compared with; copies are linked from one to the next

_RANGES = """
    WITH listed AS (
        SELECT regexp_replace(clip_id, '-p[0-9]{3,}$', '') AS clip, any_value(address) AS address,
            any_value(sha256) AS sha256, min(coalesce(start_s, 0)) AS start_s,
            max(coalesce(end_s, greatest(coalesce(cut_start_s, 0) + duration_s, start_s, 0))) AS end_s
        FROM clips JOIN media USING (clip_id) GROUP BY ALL
    ),
    keyed AS (
        SELECT clip, start_s, end_s, $by_source AS found_by,
            coalesce(nullif(regexp_extract(address, $youtube_id, 1), ''), address) AS key FROM listed
        UNION ALL SELECT clip, start_s, end_s, $by_file, sha256 FROM listed
    )
    SELECT found_by, key, clip, start_s, end_s FROM keyed
    WHERE end_s > start_s QUALIFY count(*) OVER (PARTITION BY found_by, key) > 1
    ORDER BY found_by, key, start_s, clip
"""


def common_by_range(clips: Sequence[Path], media: Sequence[Path], folder: Path) -> Iterator[CommonContent]:
    """Yield the pairs of clips whose ranges of one source video, or of one file, overlap.

    ``clips``, ``media``: manifests of Clip and Media. Intermediate results lie in ``folder``.
    """
    with query({}, folder) as connection:
        add_table(connection, "clips", clips, Clip)
        add_table(connection, "media", media, Media)
        rows = rows_of(connection, _RANGES, {"by_source": BY_SOURCE, "by_file": BY_FILE, "youtube_id": YOUTUBE_ID})
        for (found_by, _), of_key in groupby(rows, key=itemgetter(0, 1)):
            yield from _overlapping(found_by, (row[2:] for row in of_key))


def _overlapping(found_by: str, ranges: Iterator[tuple[str, float, float]]) -> Iterator[CommonContent]:
    """Yield the pairs that overlap, of ranges by start."""
    before: list[tuple[str, float, float]] = []
    for clip, start_s, end_s in ranges:
        before = [one for one in before if one[2] > start_s]
        for other, other_start_s, other_end_s in before[-_N_NEXT:]:
            common_s = min(end_s, other_end_s) - start_s
            shares = {clip: common_s / (end_s - start_s), other: common_s / (other_end_s - other_start_s)}
            first, second = sorted(shares)
            yield CommonContent(
                clip_id=first,
                other_clip_id=second,
                share=shares[first],
                other_share=shares[second],
                common_s=common_s,
                found_by=found_by,
            )
        before.append((clip, start_s, end_s))
