"""Decide which identities are one person, and on which side of the split each person stands."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.base.errors import SplitLeak
from pipeline.base.layout import Layout
from pipeline.base.params import load_params, read_section
from pipeline.identity.persons.evidence import Faces, Findings, comparable, weigh
from pipeline.identity.persons.leakage import Audit, audit_leakage
from pipeline.identity.persons.overrides import read_overrides
from pipeline.identity.persons.persons import PersonsParams, claim_clips, clip_persons_of, persons_of
from pipeline.records.clip import Clip
from pipeline.records.evidence import ClipEmbedding, PersonEvidence
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.records.media import Media
from pipeline.records.person import TEST, ClipPerson, Person
from pipeline.storage.atomic import write_text
from pipeline.storage.manifest import read_manifest, read_table, write_manifest


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml; raises SplitLeak when the audit finds a leak."""
    params = load_params(PersonsParams, "persons", at.params)
    names = read_section("datasets", at.params)
    clips = [clip for name in names for clip in read_manifest(at.clips(name), Clip)]
    embeddings = [one for name in names for one in read_manifest(at.clip_embeddings(name), ClipEmbedding)]
    claims, left_out = claim_clips(clips, read_overrides(at.person_overrides), params)
    faces = comparable(claims, embeddings, params.whitening)
    findings = weigh(claims, faces, params)
    clip_persons = clip_persons_of(claims, findings.person_of, findings.stands_with, params)
    persons = persons_of(claims, clip_persons)
    write_manifest(at.persons, Person, persons)
    write_manifest(at.clip_persons, ClipPerson, clip_persons)
    write_manifest(at.person_evidence, PersonEvidence, findings.evidence)
    ends = [ledger_row("persons", clip_person.clip_id) for clip_person in clip_persons]
    ends += [ledger_row("persons", clip_id, drop) for clip_id, drop in [*left_out, *findings.dropped]]
    write_manifest(at.ledger("persons"), LedgerRow, ends)
    print(_told(persons, findings, faces))
    _audit(clips, clip_persons, faces, findings, params, at)


def _audit(
    clips: Sequence[Clip],
    clip_persons: Sequence[ClipPerson],
    faces: Faces,
    findings: Findings,
    params: PersonsParams,
    at: Layout,
) -> None:
    """Write and print what the audit saw; raise SplitLeak when that is a leak."""
    contents: dict[str, str] = {}
    for name in read_section("datasets", at.params):
        media = read_table(at.media(name), Media, ["clip_id", "sha256"])
        contents.update(zip(media["clip_id"].to_pylist(), media["sha256"].to_pylist(), strict=True))
    audit = audit_leakage(
        clip_persons,
        addresses={clip.clip_id: clip.address for clip in clips},
        contents=contents,
        faces=faces.of_clip,
        same_person_above=params.same_person_above,
        held_apart=findings.held_apart,
    )
    note = {**_note(audit), "test_share": _test_shares(clip_persons)}
    write_text(at.leakage, json.dumps(note, indent=2, sort_keys=True) + "\n")
    print(f"leakage audit:\n{audit.told()}")
    if audit.leaks:
        raise SplitLeak(audit.refusal())


def _note(audit: Audit) -> dict[str, Any]:
    return {"passes": not audit.leaks, "checks": [asdict(check) for check in audit.checks]}


def _test_shares(clip_persons: Iterable[ClipPerson]) -> dict[str, dict[str, float]]:
    """Return for each dataset how many persons it has, how many of them are in test, and their share."""
    sides = {(clip_person.dataset, clip_person.person_id): clip_person.split for clip_person in clip_persons}
    persons = Counter(dataset for dataset, _ in sides)
    test = Counter(dataset for (dataset, _), side in sides.items() if side == TEST)
    return {
        dataset: {"persons": n, "test_persons": test[dataset], "test_share": round(test[dataset] / n, 4)}
        for dataset, n in sorted(persons.items())
    }


def _told(persons: Iterable[Person], findings: Findings, faces: Faces) -> str:
    n_identities = len({(person.dataset, person.identity) for person in persons})
    side_of = {person.person_id: person.split for person in persons}
    n_test = sum(side == TEST for side in side_of.values())
    told = f"persons: {n_identities} identities are {len(side_of)} persons, {n_test} of them in test"
    if not faces.claims:
        return f"{told}; by name alone, since no clip has an embedding"
    counts = Counter(f"{one.kind} {one.decision}" for one in findings.evidence)
    seen = ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "nothing against a name"
    if findings.stands_with:
        seen += f"; {len(findings.stands_with)} persons share the side of one they may be"
    return f"{told}; the faces of {len(faces.claims)} clips say: {seen}"
