"""The clips of all datasets that have content in common, the decisions on them, and these as evidence."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip, listed_id
from pipeline.core.records.evidence import OVERRIDDEN, SAME_VIDEO, PersonEvidence
from pipeline.core.records.media import Media
from pipeline.core.records.person import BY_EVIDENCE, BY_OVERRIDE
from pipeline.core.records.subject import clip_of
from pipeline.core.storage.manifest import iterate_manifest
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.published import PublishedIdentity
from pipeline.identity.persons.rows import TableRows
from pipeline.identity.persons.same_video.clip_values import ClipValues
from pipeline.identity.persons.same_video.fingerprints import common_by_fingerprints
from pipeline.identity.persons.same_video.keep import ClipFacts, VideoDecisions, decide_videos
from pipeline.identity.persons.same_video.ranges import common_by_range

_SHARE_DIGITS = 6


class VideosOf(Protocol):
    """What is known of the videos that clips are of."""

    def decisions(self, published: TableRows[PublishedIdentity]) -> VideoDecisions:
        """Return the decisions on the clips that have content in common."""

    def sources(self, published: TableRows[PublishedIdentity]) -> Sequence[Iterable[str | None]]:
        """Return for each subject the address of its clip, and the sha256 of its file; None if it is no main one."""


class SameVideos:
    """Videos by the manifests of some datasets."""

    def __init__(self, datasets: Sequence[str], at: Layout, params: PersonsParams) -> None:
        self._datasets = sorted(datasets, key=lambda name: f"{name}/")  # as clip ids begin
        self._at, self._params = at, params

    def decisions(self, published: TableRows[PublishedIdentity]) -> VideoDecisions:
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

    def sources(self, published: TableRows[PublishedIdentity]) -> Sequence[Iterable[str | None]]:
        """Return for each subject the address of its clip, and the sha256 of its file; None if it is no main one."""
        return (
            ClipValues(published, "address", Clip, [self._at.clips(name) for name in self._datasets]),
            ClipValues(published, "sha256", Media, [self._at.media(name) for name in self._datasets]),
        )

    def _facts(self, listed: Collection[str], published: TableRows[PublishedIdentity]) -> dict[str, ClipFacts]:
        """Return the facts on the clips in ``listed`` that have a published identity."""
        names: dict[str, PublishedIdentity] = {}
        for one in published if listed else ():
            clip = listed_id(clip_of(one.subject_id))
            if clip in listed and one.is_published and not (clip in names and names[clip].is_overridden):
                names[clip] = one
        facts: dict[str, ClipFacts] = {}
        for row, media in self._clips() if names else ():
            clip = listed_id(row.clip_id)
            if clip in names:
                found = _facts_of(row, media, names[clip])
                of_parts_s = facts[clip].duration_s if clip in facts else 0.0
                facts[clip] = replace(found, duration_s=found.duration_s + of_parts_s)
        return facts

    def _clips(self) -> Iterator[tuple[Clip, Media]]:
        """Yield all clips that were fetched, with their media."""
        for name in self._datasets:
            clips = iterate_manifest(self._at.clips(name), Clip)
            for media in iterate_manifest(self._at.media(name), Media):
                clip = next((one for one in clips if one.clip_id == media.clip_id), None)
                if clip is not None:
                    yield clip, media


def _facts_of(clip: Clip, media: Media, published: PublishedIdentity) -> ClipFacts:
    end_s = media.duration_s if clip.end_s is None else clip.end_s
    sides = clip.crop_x, clip.crop_y, clip.crop_w, clip.crop_h
    x, y, w, h = (None if side is None or not clip.crop_height_px else side / clip.crop_height_px for side in sides)
    return ClipFacts(
        name=published.name,
        is_overridden=published.is_overridden,
        duration_s=max(0.0, end_s - (clip.start_s or 0.0)),
        n_pixels=media.width_px * media.height_px,
        box=None if x is None or y is None or w is None or h is None else (x, y, w, h),
    )


def video_evidence(
    videos: VideoDecisions, published: TableRows[PublishedIdentity], params: PersonsParams
) -> Iterator[PersonEvidence]:
    """Yield a row for each pair of clips that have content in common."""
    clips = {*chain.from_iterable((pair.clip_id, pair.other_clip_id) for pair, _ in videos.decided)}
    first: dict[str, PublishedIdentity] = {}
    for one in published if clips else ():
        if one.is_published and (clip := listed_id(clip_of(one.subject_id))) in clips:
            first.setdefault(clip, one)
    for pair, decision in videos.decided:
        one, other = first[pair.clip_id], first[pair.other_clip_id]
        yield PersonEvidence(
            evidence_id=f"{SAME_VIDEO}:{one.subject_id}+{other.subject_id}",
            kind=SAME_VIDEO,
            name=one.name,
            identity=f"{one.dataset}/{one.identity}",
            subject_id=one.subject_id,
            n_subjects=1,
            other_name=other.name,
            other_identity=f"{other.dataset}/{other.identity}",
            other_subject_id=other.subject_id,
            n_other_subjects=1,
            score=round(max(pair.share, pair.other_share), _SHARE_DIGITS),
            threshold=params.min_same_share or 1.0,
            decision=decision,
            decided_by=BY_OVERRIDE if decision == OVERRIDDEN else BY_EVIDENCE,
            voice_score=None,
            is_doubtful=False,
        )
