"""The clips of all datasets that have content in common and the decisions on them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip, listed_id
from pipeline.core.records.media import Media
from pipeline.core.records.subject import clip_of
from pipeline.core.records.track import Track
from pipeline.core.storage.manifest import iterate_manifest, iterate_tables
from pipeline.identity.same_video.fingerprints import common_by_fingerprints
from pipeline.identity.same_video.keep import ClipFacts, VideoDecisions, decide_videos
from pipeline.identity.same_video.ranges import common_by_range
from pipeline.identity.same_video.settings import SameVideoParams


class _Identified(Protocol):
    """A subject with its name."""

    @property
    def subject_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def is_published(self) -> bool: ...

    @property
    def is_overridden(self) -> bool: ...


class SameVideos:
    """Clips of the same video, by the manifests of some datasets."""

    def __init__(self, datasets: Sequence[str], at: Layout, params: SameVideoParams) -> None:
        self._datasets = sorted(datasets, key=lambda name: f"{name}/")  # as clip ids begin
        self._at, self._params = at, params

    def __call__(self, published: Iterable[_Identified]) -> VideoDecisions:
        """Return the decisions on the clips that have content in common."""
        if self._params.min_same_share is None:
            return VideoDecisions()
        at, folder = self._at, self._at.persons.parent
        paths = [[of(name) for name in self._datasets] for of in (at.fingerprints, at.clips, at.media)]
        pairs = [
            *common_by_fingerprints(paths[0], self._params, folder),
            *common_by_range(paths[1], paths[2], folder),
        ]
        clips = {*chain.from_iterable((pair.clip_id, pair.other_clip_id) for pair in pairs)}
        return decide_videos(pairs, self._facts(clips, published), self._params)

    def _facts(self, listed: Collection[str], published: Iterable[_Identified]) -> dict[str, ClipFacts]:
        """Return the facts on the clips in ``listed`` that have a published identity."""
        names: dict[str, _Identified] = {}
        for one in published if listed else ():
            clip = listed_id(clip_of(one.subject_id))
            if clip in listed and one.is_published and not (clip in names and names[clip].is_overridden):
                names[clip] = one
        seen = self._seen(names)
        facts: dict[str, ClipFacts] = {}
        for row, media in self._clips() if names else ():
            clip = listed_id(row.clip_id)
            if clip in names:
                found = _facts_of(row, media, names[clip], is_seen=clip in seen)
                of_parts_s = facts[clip].duration_s if clip in facts else 0.0
                facts[clip] = replace(found, duration_s=found.duration_s + of_parts_s)
        return facts

    def _seen(self, listed: Collection[str]) -> set[str]:
        """Return the clips of ``listed`` in which a face is seen."""
        seen: set[str] = set()
        for name in self._datasets if listed else ():
            for table in iterate_tables(self._at.tracks(name), Track, ["clip_id"]):
                seen.update(clip for one in table["clip_id"].unique().to_pylist() if (clip := listed_id(one)) in listed)
        return seen

    def _clips(self) -> Iterator[tuple[Clip, Media]]:
        """Yield all clips that were fetched, with their media."""
        for name in self._datasets:
            clips = iterate_manifest(self._at.clips(name), Clip)
            for media in iterate_manifest(self._at.media(name), Media):
                clip = next((one for one in clips if one.clip_id == media.clip_id), None)
                if clip is not None:
                    yield clip, media


def _facts_of(clip: Clip, media: Media, published: _Identified, *, is_seen: bool) -> ClipFacts:
    end_s = media.end_s if clip.end_s is None else clip.end_s
    crop, width_px, height_px = clip.crop, media.width_px or 0, media.height_px or 0
    return ClipFacts(
        name=published.name,
        is_overridden=published.is_overridden,
        is_seen=is_seen,
        duration_s=max(0.0, end_s - (clip.start_s or 0.0)),
        n_pixels=width_px * height_px,
        box=crop.in_heights(width_px / height_px) if crop and height_px else None,
    )
