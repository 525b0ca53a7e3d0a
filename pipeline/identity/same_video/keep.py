"""Decide on clips with common content: which of them is kept, and which of them are in one split."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.core.records.evidence import DROPPED, ONE_SPLIT, OVERRIDDEN
from pipeline.identity.same_video.pairs import CommonContent, first_of_groups
from pipeline.identity.same_video.settings import SameVideoParams

_SAME_BOX_IOU = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """What decides which of several clips of one video is kept."""

    name: str
    """Of its published identity, after overrides."""
    is_overridden: bool
    is_seen: bool
    """Whether a face is seen in it: not where ``detect`` failed."""
    duration_s: float
    n_pixels: int
    """Of a picture."""
    box: tuple[float, float, float, float] | None
    """The published crop: left, top, width, height over the height of the picture."""


@dataclass(frozen=True, slots=True)
class VideoDecisions:
    """The decisions on all clips that have content in common with another; ids are those of clips as listed."""

    kept_for: dict[str, str] = field(default_factory=dict)
    """For each clip that is dropped, the one that is kept in its place."""
    group_of: dict[str, str] = field(default_factory=dict)
    """For each clip, the first of those with which it is in one split."""
    decided: list[tuple[CommonContent, str]] = field(default_factory=list)
    """Each pair, and DROPPED (one of both is), ONE_SPLIT or OVERRIDDEN."""


def decide_videos(
    pairs: Iterable[CommonContent], facts: Mapping[str, ClipFacts], params: SameVideoParams
) -> VideoDecisions:
    """Return the decisions on ``pairs``; clips without ``facts`` are dropped already.

    Of clips that are the same video the longest is kept, of about as long ones that with the most pixels, of these the
    first by id; one whose person an override names goes before all, then one in which a face is seen. Two are not the
    same video where overrides name two persons, or where the published crops show two people.
    """
    found = _strongest(pair for pair in pairs if pair.clip_id in facts and pair.other_clip_id in facts)
    decided = [(pair, decision) for pair in found if (decision := _decision(pair, facts, params))]
    kept_for = _kept_for(_covers((pair for pair, decision in decided if decision == DROPPED), params), facts)
    return VideoDecisions(
        kept_for,
        first_of_groups((pair.clip_id, pair.other_clip_id) for pair, _ in decided),
        [(pair, _carried_out(decision, pair, kept_for)) for pair, decision in decided],
    )


def _covers(pairs: Iterable[CommonContent], params: SameVideoParams) -> dict[str, set[str]]:
    """Return for each clip those that it is in."""
    covers: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        if pair.share >= _min_share(params):
            covers[pair.clip_id].add(pair.other_clip_id)
        if pair.other_share >= _min_share(params):
            covers[pair.other_clip_id].add(pair.clip_id)
    return covers


def _carried_out(decision: str, pair: CommonContent, kept_for: Mapping[str, str]) -> str:
    """Return ONE_SPLIT for DROPPED where both are kept: one in the other whose person is overridden."""
    is_dropped = pair.clip_id in kept_for or pair.other_clip_id in kept_for
    return ONE_SPLIT if decision == DROPPED and not is_dropped else decision


def _strongest(pairs: Iterable[CommonContent]) -> list[CommonContent]:
    """Return for each two clips the pair with the larger shares, in id order."""
    best: dict[tuple[str, str], CommonContent] = {}
    for pair in pairs:
        key = pair.clip_id, pair.other_clip_id
        if key not in best or max(pair.share, pair.other_share) > max(best[key].share, best[key].other_share):
            best[key] = pair
    return [best[key] for key in sorted(best)]


def _min_share(params: SameVideoParams) -> float:
    return params.min_same_share or 1.0


def _decision(pair: CommonContent, facts: Mapping[str, ClipFacts], params: SameVideoParams) -> str | None:
    one, other = facts[pair.clip_id], facts[pair.other_clip_id]
    is_same = max(pair.share, pair.other_share) >= _min_share(params)
    if not is_same:
        return ONE_SPLIT if pair.common_s >= params.min_common_s else None
    if one.is_overridden and other.is_overridden and one.name != other.name:
        return OVERRIDDEN
    return ONE_SPLIT if _are_two_boxes(one.box, other.box) else DROPPED


def _are_two_boxes(
    box: tuple[float, float, float, float] | None, other: tuple[float, float, float, float] | None
) -> bool:
    # Not by face/measures/boxes.py: persons would be decided anew after each change of how faces are observed.
    if box is None or other is None:
        return False
    (x, y, w, h), (other_x, other_y, other_w, other_h) = box, other
    common_w = max(0.0, min(x + w, other_x + other_w) - max(x, other_x))
    common_h = max(0.0, min(y + h, other_y + other_h) - max(y, other_y))
    common = common_w * common_h
    return common < _SAME_BOX_IOU * (w * h + other_w * other_h - common)


def _kept_for(covers: Mapping[str, set[str]], facts: Mapping[str, ClipFacts]) -> dict[str, str]:
    """Return for each clip that is in another, ``covers``, of a higher rank the one that is kept in its place."""
    clips = {*covers, *(other for others in covers.values() for other in others)}
    ranked = _ranked(clips, facts)
    rank = {clip: number for number, clip in enumerate(ranked)}
    kept_for: dict[str, str] = {}
    for clip in ranked:
        higher = [other for other in covers.get(clip, ()) if rank[other] < rank[clip]]
        if higher:
            first = min(higher, key=rank.__getitem__)
            kept_for[clip] = kept_for.get(first, first)
    return kept_for


def _ranked(clips: Iterable[str], facts: Mapping[str, ClipFacts]) -> Sequence[str]:
    def rank(clip: str) -> tuple[bool, bool, float, int, str]:
        of = facts[clip]
        return not of.is_overridden, not of.is_seen, -_rounded(of.duration_s), -of.n_pixels, clip

    return sorted(clips, key=rank)


def _rounded(duration_s: float) -> float:
    """Return a length to one digit: copies of one video differ by a trimmed beginning."""
    return float(f"{duration_s:.1g}")
