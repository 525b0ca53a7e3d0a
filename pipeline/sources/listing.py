"""What every source returns: clips in id order, each id and each content once, and the drops."""

from collections.abc import Iterable
from typing import TypeAlias

from pipeline.base.outcome import Dropped
from pipeline.records.clip import Clip

Drops: TypeAlias = list[tuple[str, Dropped]]
Listing: TypeAlias = tuple[list[Clip], Drops]


def finish_listing(clips: Iterable[Clip], drops: Drops) -> Listing:
    """Return ``clips`` and ``drops`` sorted by id; of clips with one id, or one content, the first is kept."""
    unique, same_id = _first_of_each_id(clips)
    distinct, same_content = _first_of_each_content(sorted(unique, key=lambda clip: clip.clip_id))
    return distinct, sorted([*drops, *same_id, *same_content], key=lambda drop: (drop[0], drop[1].reason))


def _first_of_each_id(clips: Iterable[Clip]) -> Listing:
    kept: dict[str, Clip] = {}
    drops: Drops = []
    for clip in clips:
        if clip.clip_id not in kept:
            kept[clip.clip_id] = clip
            continue
        detail = f"{clip.origin}: the id is taken by {kept[clip.clip_id].origin}; ids must be unique"
        drops.append((clip.clip_id, Dropped.failed("duplicate_id", detail)))
    return list(kept.values()), drops


def _first_of_each_content(clips: list[Clip]) -> Listing:
    kept: dict[str, Clip] = {}
    drops: Drops = []
    for clip in clips:
        first = kept.setdefault(clip.content_hash, clip)
        if first is not clip:
            drops.append((clip.clip_id, Dropped.filtered("duplicate_content", _same_as(first, clip))))
    return list(kept.values()), drops


def _same_as(first: Clip, clip: Clip) -> str:
    if first.identity == clip.identity:
        return f"same bytes as {first.clip_id}"
    return f"same bytes as {first.clip_id}, which is there '{first.identity}' and here '{clip.identity}'"
