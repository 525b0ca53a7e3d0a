"""Who each subject is: its identity, published or its own, as a normalised name, after overrides."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from pipeline.core.base.outcome import Dropped
from pipeline.identity.persons.identities import IdentifiedSubject
from pipeline.identity.persons.overrides import DROP, Override, Overrides, OverridesCheck, overrides_of
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.rows import TableRows

_ID_DIGITS = 12

# Scripts in which a letter with a mark and without it are often two spellings of one name. In the others marks are
# vowels, or make another letter.
_SCRIPTS_OF_ACCENTS = ("LATIN ", "GREEK ", "CYRILLIC ")
_INVISIBLE_MARKS = ("VARIATION SELECTOR", "COMBINING GRAPHEME JOINER")
# Between two digits, and of signs also before the first one: 1.0 is not 10, and -5 not 5.
_OF_NUMBER = re.compile(r"(?<=\d)[.'’+±-]+(?=\d)|(?<![^\s_])[+±-](?=\d)")
_MINUS_SIGN = "\u2212"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedIdentity:
    """Who a subject is: the normalised name that its source published, or that an override puts in its place."""

    subject_id: str
    dataset: str
    identity: str
    """As published; of a subject that is not its clip's main one, its own id without the dataset."""
    name: str
    is_published: bool
    """Whether the identity is that of the clip's source, and not one of the subject's own."""
    is_overridden: bool
    """Whether ``name`` comes from an override."""
    original_name: str | None = None
    """The name of the clip's identity where an override names this clip alone, else None."""


def normalised_name(identity: str) -> str:
    """Return ``identity`` in a form in which two spellings of one name agree.

    Case is dropped, marks on Latin, Greek and Cyrillic letters too (marks of other scripts stay: they tell names
    apart), and what is not seen. Dots and apostrophes vanish, and spaces, hyphens and underscores become one
    underscore: ``A.J._Buckley`` and ``aj-buckley`` both give ``aj_buckley``. Within numbers dots and signs stay:
    ``S1.2``, ``-5``. The result is in Unicode's composed form (NFC).
    """
    folded = unicodedata.normalize("NFKD", identity)
    folded = unicodedata.normalize("NFKD", folded.casefold())
    plain = _without_accents(folded)
    of_number = {place for found in _OF_NUMBER.finditer(plain) for place in range(*found.span())}
    kept = (
        c if place in of_number or c.isalnum() or _is_mark(c) else "" if c in ".'’" else " "
        for place, c in enumerate(plain)
    )
    return unicodedata.normalize("NFC", "_".join("".join(kept).split()) or identity)


def _without_accents(text: str) -> str:
    """Return ``text``, decomposed, with those marks alone that tell names apart, and all dashes as hyphens."""
    kept: list[str] = []
    keeps_marks = False
    for c in text:
        category = unicodedata.category(c)
        if category == "Cf":  # joiners, marks of direction, soft hyphens
            continue
        if _is_mark(c):
            if keeps_marks and not unicodedata.name(c, "").startswith(_INVISIBLE_MARKS):
                kept.append(c)
            continue
        keeps_marks = _keeps_marks(c)
        kept.append("-" if category == "Pd" or c == _MINUS_SIGN else c)
    return "".join(kept)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


@cache
def _keeps_marks(character: str) -> bool:
    return character.isalpha() and not unicodedata.name(character, "").startswith(_SCRIPTS_OF_ACCENTS)


def published_identities(
    subjects: Iterable[IdentifiedSubject], overrides: Overrides, params: PersonsParams
) -> tuple[TableRows[PublishedIdentity], list[tuple[str, Dropped]]]:
    """Return who each subject is, in id order, and (subject id, drop) of those that overrides drop.

    Raises BadInput when an override names an identity or a clip that its dataset does not have.
    """
    dropped: list[tuple[str, Dropped]] = []
    check = OverridesCheck(overrides)

    def kept() -> Iterator[PublishedIdentity]:
        for subject in subjects:
            check.see(subject)
            found = _published(subject, *overrides_of(subject, overrides), params)
            if isinstance(found, Dropped):
                dropped.append((subject.subject_id, found))
            else:
                yield found

    published = TableRows.of(PublishedIdentity, kept()).in_id_order()
    check.finish()
    return published, sorted(dropped, key=lambda drop: drop[0])


def _published(
    subject: IdentifiedSubject, of_identity: Override | None, of_clip: Override | None, params: PersonsParams
) -> PublishedIdentity | Dropped:
    name = _name_of(subject, of_identity, params)
    override = of_clip or of_identity
    if override and override.person == DROP:
        return Dropped.filtered("left_out_by_override", override.reason)
    return PublishedIdentity(
        subject_id=subject.subject_id,
        dataset=subject.dataset,
        identity=subject.identity,
        name=normalised_name(of_clip.person) if of_clip else name,
        is_published=subject.is_published,
        is_overridden=override is not None,
        original_name=name if of_clip else None,
    )


def _name_of(subject: IdentifiedSubject, of_identity: Override | None, params: PersonsParams) -> str:
    if of_identity and of_identity.person != DROP:
        return normalised_name(of_identity.person)
    name = normalised_name(subject.identity)
    if not subject.is_published:  # ids that differ by spelling alone are those of two subjects
        name = f"{name}~{hashlib.sha256(subject.subject_id.encode()).hexdigest()[:_ID_DIGITS]}"
    return ("" if params.same_name_is_same_person else f"{subject.dataset}:") + name
