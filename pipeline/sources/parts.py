"""Split long clips into parts, each a clip of its own: memory, time limits, retries and workers then act by part."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from math import ceil

from pipeline.core.base.layout import Layout
from pipeline.core.base.units import SAME_TIME_S
from pipeline.core.records.clip import Clip, content_of, part_id
from pipeline.core.records.media import Media
from pipeline.core.storage.atomic import scratch_folder
from pipeline.core.storage.manifest import RowSpool, write_manifest, write_tables
from pipeline.sources.frame_ranges import scaled

_DIGITS = 3  # parts meet at whole milliseconds


def parts_of(clip: Clip, media: Media, max_clip_s: float | None) -> list[Clip]:
    """Return the parts of a clip longer than ``max_clip_s``, alike in length, or the clip itself; None: never split.

    Each part ends where the next one starts, the first starts and the last ends as the clip does: what the file has
    beyond its stated length is in the last one.
    """
    start_s = clip.start_s or 0.0
    end_s = media.end_s if clip.end_s is None else min(clip.end_s, media.end_s)
    n_parts = 1 if max_clip_s is None else ceil((end_s - start_s - SAME_TIME_S) / max_clip_s)
    if n_parts < 2:
        return [clip]
    edges_s = [round(start_s + (end_s - start_s) * n / n_parts, _DIGITS) for n in range(1, n_parts)]
    return [
        replace(
            clip,
            clip_id=part_id(clip.clip_id, number, n_parts),
            start_s=from_s,
            end_s=to_s,
            content_hash=content_of(clip.content_hash, from_s, to_s),
        )
        for number, (from_s, to_s) in enumerate(pairwise([clip.start_s, *edges_s, clip.end_s]))
    ]


def write_parts(
    listed: Iterable[Clip], fetched: Iterable[Media], max_clip_s: float | None, dataset: str, at: Layout
) -> int:
    """Write the manifests of Clip and Media with long clips in parts; return how many clips were split.

    ``listed``: all clips, ``fetched``: the media of those that have any; both in id order. The parts of a clip have one
    file.
    """
    split = _Split(max_clip_s)
    with scratch_folder(at.clips(dataset)) as folder:
        clips = RowSpool(folder / "clips.parquet", Clip)
        write_manifest(at.media(dataset), Media, split.media(listed, fetched, clips))
        write_tables(at.clips(dataset), Clip, clips.tables())
    return split.n_split


class _Split:
    """The parts of all clips, and how many clips were split."""

    def __init__(self, max_clip_s: float | None) -> None:
        self.n_split = 0
        self._max_clip_s = max_clip_s

    def media(self, listed: Iterable[Clip], fetched: Iterable[Media], clips: RowSpool) -> Iterator[Media]:
        """Yield the media of each part, and add all parts to ``clips``."""
        later = iter(fetched)
        media = next(later, None)
        for clip in listed:
            parts = [clip]
            if media is not None and media.clip_id == clip.clip_id:
                parts = parts_of(scaled(clip, media.range_scale), media, self._max_clip_s)
                for part in parts:
                    yield replace(media, clip_id=part.clip_id)
                media = next(later, None)
            self.n_split += len(parts) > 1
            clips.add(parts)
