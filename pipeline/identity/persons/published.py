"""The published identity of each clip: its normalised name, after overrides."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.identity.persons.overrides import DROP, Override, Overrides, OverridesCheck, overrides_of
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.rows import TableRows


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedIdentity:
    """Who speaks in one clip: the normalised name that its source published, or that an override puts in its place."""

    clip_id: str
    dataset: str
    identity: str
    """As published."""
    name: str
    is_overridden: bool
    """Whether ``name`` comes from an override."""
    original_name: str | None = None
    """The name of the clip's identity where an override names this clip alone, else None."""


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
) -> tuple[TableRows[PublishedIdentity], list[tuple[str, Dropped]]]:
    """Return the published identity of each clip, in id order, and (clip id, drop) of the clips that overrides drop.

    Raises BadInput when an override names an identity or a clip that its dataset does not have.
    """
    dropped: list[tuple[str, Dropped]] = []
    check = OverridesCheck(overrides)

    def kept() -> Iterator[PublishedIdentity]:
        for clip in clips:
            check.see(clip)
            found = _published(clip, *overrides_of(clip, overrides), params)
            if isinstance(found, Dropped):
                dropped.append((clip.clip_id, found))
            else:
                yield found

    published = TableRows.of(PublishedIdentity, kept()).in_id_order()
    check.finish()
    return published, sorted(dropped, key=lambda drop: drop[0])


def _published(
    clip: Clip, of_identity: Override | None, of_clip: Override | None, params: PersonsParams
) -> PublishedIdentity | Dropped:
    name = _name_of(clip, of_identity, params)
    override = of_clip or of_identity
    if override and override.person == DROP:
        return Dropped.filtered("left_out_by_override", override.reason)
    return PublishedIdentity(
        clip_id=clip.clip_id,
        dataset=clip.dataset,
        identity=clip.identity,
        name=normalised_name(of_clip.person) if of_clip else name,
        is_overridden=override is not None,
        original_name=name if of_clip else None,
    )


def _name_of(clip: Clip, of_identity: Override | None, params: PersonsParams) -> str:
    if of_identity and of_identity.person != DROP:
        return normalised_name(of_identity.person)
    return ("" if params.same_name_is_same_person else f"{clip.dataset}:") + normalised_name(clip.identity)
