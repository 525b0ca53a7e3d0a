"""The published identity of each clip: its normalised name, after overrides."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.base.outcome import Dropped
from pipeline.identity.persons.overrides import DROP, Overrides, check_overrides, overrides_of
from pipeline.identity.persons.params import PersonsParams
from pipeline.records.clip import Clip


@dataclass(frozen=True, slots=True)
class PublishedIdentity:
    """Who speaks in one clip: the normalised name that its source published, or that an override puts in its place.

    ``is_overridden``: ``name`` comes from an override. ``original_name`` is the name of the clip's identity where an
    override names this clip alone, else None.
    """

    clip: Clip
    name: str
    is_overridden: bool
    original_name: str | None = None


def normalised_name(identity: str) -> str:
    """Return ``identity`` in a form in which two spellings of one name agree.

    Accents and case are dropped, dots vanish, and spaces, hyphens and underscores become one underscore:
    ``A.J._Buckley`` and ``aj-buckley`` both give ``aj_buckley``.
    """
    plain = unicodedata.normalize("NFKD", identity).casefold()
    kept = (c for c in plain if not unicodedata.combining(c) and c not in ".'’")
    words = "".join(c if c.isalnum() else " " for c in kept).split()
    return "_".join(words) or identity


def published_identities(
    clips: Iterable[Clip], overrides: Overrides, params: PersonsParams
) -> tuple[list[PublishedIdentity], list[tuple[str, Dropped]]]:
    """Return the published identity of each clip, in id order, and (clip id, drop) of the clips that overrides drop.

    Raises BadInput when an override names an identity or a clip that its dataset does not have.
    """
    ordered = sorted(clips, key=lambda clip: clip.clip_id)
    check_overrides(ordered, overrides)
    published: list[PublishedIdentity] = []
    dropped: list[tuple[str, Dropped]] = []
    for clip in ordered:
        prefix = "" if params.same_name_is_same_person else f"{clip.dataset}:"
        name = prefix + normalised_name(clip.identity)
        of_identity, of_clip = overrides_of(clip, overrides)
        if of_identity and of_identity.person != DROP:
            name = normalised_name(of_identity.person)
        override = of_clip or of_identity
        if override and override.person == DROP:
            dropped.append((clip.clip_id, Dropped.filtered("left_out_by_override", override.reason)))
        elif of_clip:
            own_name = normalised_name(of_clip.person)
            published.append(PublishedIdentity(clip, own_name, is_overridden=True, original_name=name))
        else:
            published.append(PublishedIdentity(clip, name, is_overridden=of_identity is not None))
    return published, dropped
