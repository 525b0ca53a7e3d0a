"""The timelines of a few clips."""

from collections.abc import Sequence

from pipeline.core.base.layout import Layout
from pipeline.core.records.subject import Subject
from pipeline.core.records.track import Shot
from pipeline.core.storage.query import query
from pipeline.report.timeline.draw import Timeline, draw_timeline
from pipeline.report.timeline.results import ClipResults

_MOST_IN_ALL = 6
_SEED = 1  # not a param: another seed would only show other clips

_CHOSEN = """
    SELECT clip_id
    FROM (SELECT clip_id, count(*) AS n FROM subjects GROUP BY ALL) AS seen
    JOIN (SELECT clip_id, count(*) AS n FROM shots GROUP BY ALL) AS cut USING (clip_id)
    ORDER BY (seen.n > 1)::INT + (cut.n > 1)::INT DESC, sha256(? || '/' || clip_id)
    LIMIT ?
"""  # the hash is draw_order


def read_timelines(at: Layout, datasets: Sequence[str]) -> list[Timeline] | None:
    """Return timelines of at most six clips; None before ``subjects``."""
    ran = [dataset for dataset in datasets if at.subjects(dataset).is_file() and at.shots(dataset).is_file()]
    if not ran:
        return None
    most = max(1, _MOST_IN_ALL // len(ran))
    timelines: list[Timeline] = []
    for dataset in ran[:_MOST_IN_ALL]:
        results = ClipResults(dataset, at)
        drawn = (draw_timeline(results.of(clip_id)) for clip_id in choose_clips(at, dataset, most))
        timelines += [one for one in drawn if one is not None]
    return timelines


def choose_clips(at: Layout, dataset: str, n: int) -> list[str]:
    """Return ``n`` clips in id order: first those with several subjects and shots, then with one of both, by hash."""
    sources = {"subjects": (at.subjects(dataset), Subject), "shots": (at.shots(dataset), Shot)}
    with query(sources) as connection:
        return sorted(clip_id for (clip_id,) in connection.execute(_CHOSEN, [str(_SEED), n]).fetchall())
