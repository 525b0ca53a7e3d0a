"""Decide which identities are one person, and on which side of the split each person stands."""

from pipeline.identity.persons import PersonsParams, find_persons, owners_of, read_overrides
from pipeline.layout import Layout
from pipeline.params import load_params, read_section
from pipeline.records.clip import Clip
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.records.person import TEST, ClipOwner, Person
from pipeline.storage.manifest import read_manifest, write_manifest


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml."""
    params = load_params(PersonsParams, "persons", at.params)
    clips = [clip for name in read_section("datasets", at.params) for clip in read_manifest(at.clips(name), Clip)]
    persons, dropped = find_persons(clips, read_overrides(at.person_overrides), params)
    write_manifest(at.persons, Person, persons)
    write_manifest(at.owners, ClipOwner, owners_of(clips, persons))
    kept_ends = [ledger_row("persons", person.dataset_identity) for person in persons]
    dropped_ends = [ledger_row("persons", item_id, drop) for item_id, drop in dropped]
    write_manifest(at.ledger("persons"), LedgerRow, [*kept_ends, *dropped_ends])
    ids = {person.person_id for person in persons}
    n_test = len({person.person_id for person in persons if person.split == TEST})
    print(f"persons: {len(persons)} identities are {len(ids)} persons, {n_test} of them in test")
