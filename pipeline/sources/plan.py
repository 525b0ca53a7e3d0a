"""What a download will take: clips, addresses, hours, disk and time, and what the item store has already."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.core.base.outcome import end_of
from pipeline.core.records.clip import Clip
from pipeline.core.records.media import Media
from pipeline.core.storage.items import ItemStore
from pipeline.download.manners import host_of
from pipeline.engine.step import Step
from pipeline.sources.acquire import is_downloaded
from pipeline.synthetic.script.spec import SCHEME

_KEY_FRAME_S = 2.5  # a cut begins at the key frame before: half of what sites have between two
_BYTES_PER_MBIT = 1_000_000 / 8


@dataclass(slots=True)
class Plan:
    """Counts of one dataset's clips; lengths in seconds."""

    n_generated: int = 0
    n_in_place: int = 0
    n_ranges: int = 0
    ranges_s: float = 0.0
    n_open: int = 0
    """Clips to be downloaded without a stated end: their length is not known before."""
    addresses: set[bytes] = field(default_factory=set)
    """Hashes of the addresses, 8 bytes each."""
    n_here: int = 0
    here_bytes: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """Clips of which the store has an end without media: '<status>: <reason>'."""
    n_missing: int = 0
    kept_s: float = 0.0
    """Of the missing ranges, with their margins."""
    n_of_host: Counter[str] = field(default_factory=Counter)
    """Missing addresses by host."""
    to_fetch_s: dict[bytes, float] = field(default_factory=dict)
    """Of each missing address, up to where its last range ends; what a video has behind that is not known."""

    @property
    def n_clips(self) -> int:
        """Number of all clips."""
        return self.n_generated + self.n_in_place + self.n_ranges + self.n_open

    def kept_bytes(self, mbit_s: float) -> float:
        """Return what the missing ranges will have on the disk."""
        return self.kept_s * mbit_s * _BYTES_PER_MBIT

    def fetched_bytes(self, mbit_s: float) -> float:
        """Return what will be downloaded, at least: whole videos, each as far as its last range."""
        return sum(self.to_fetch_s.values()) * mbit_s * _BYTES_PER_MBIT


def plan_of(clips: Iterable[Clip], step: Step[Clip], store: ItemStore, margin_s: float | None) -> Plan:
    """Return the plan of a list; ``step`` is that of the download, ``margin_s`` is ``download.cut_margin_s``."""
    plan = Plan()
    for clip in clips:
        if not is_downloaded(clip):
            plan.n_generated += clip.address.startswith(SCHEME)
            plan.n_in_place += not clip.address.startswith(SCHEME)
            continue
        address = hashlib.sha256(clip.address.encode("utf-8", "surrogatepass")).digest()[:8]
        plan.addresses.add(address)
        if clip.end_s is None:
            plan.n_open += 1
        else:
            plan.n_ranges += 1
            plan.ranges_s += clip.end_s - (clip.start_s or 0.0)
        if not _is_here(clip, step, store, plan):
            plan.n_missing += 1
            if host := host_of(clip.address):
                plan.n_of_host[host] += address not in plan.to_fetch_s
            until_s = max(plan.to_fetch_s.get(address, 0.0), clip.end_s or 0.0)
            plan.to_fetch_s[address] = until_s
            if margin_s is not None:
                plan.kept_s += _kept_s(clip, margin_s)
    if margin_s is None:
        plan.kept_s = sum(plan.to_fetch_s.values())
    return plan


def _is_here(clip: Clip, step: Step[Clip], store: ItemStore, plan: Plan) -> bool:
    """Return whether the store has a clip's media, or its end, and count that; not an end that is tried again."""
    key = step.key(clip)
    if not store.has(step.name, key):
        return False
    if dropped := store.dropped(step.name, key):
        if step.is_mended(dropped):
            return False
        plan.ends[end_of(dropped.status, dropped.reason, dropped.remedy)] += 1
    else:
        plan.n_here += 1
        plan.here_bytes += sum(store.rows(step.name, key, Media)["size_bytes"].to_pylist())
    return True


def _kept_s(clip: Clip, margin_s: float) -> float:
    """Return how long a range is with what is kept before and behind; 0 where its end is not known."""
    if clip.end_s is None:
        return 0.0
    return clip.end_s + margin_s - max(0.0, (clip.start_s or 0.0) - margin_s - _KEY_FRAME_S)
