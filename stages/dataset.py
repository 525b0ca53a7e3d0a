"""Cap, pair and count faces and segments, audit the split, and print the paper's Table 1 for this run."""

from pipeline.base.layout import Layout
from pipeline.base.params import load_params, read_section
from pipeline.dataset.build import DatasetParams, audit_split, build
from pipeline.dataset.rows import read_faces, read_segments, write_dataset, write_stats
from pipeline.dataset.table1 import count, render
from pipeline.records.person import ClipPerson
from pipeline.storage.manifest import read_manifest


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml."""
    params = load_params(DatasetParams, "dataset", at.params)
    names = read_section("datasets", at.params)
    clip_persons = {clip_person.clip_id: clip_person for clip_person in read_manifest(at.clip_persons, ClipPerson)}
    faces = [face for name in names for face in read_faces(name, at, clip_persons)]
    segments = [segment for name in names for segment in read_segments(name, at, clip_persons)]
    built = build(clip_persons.values(), faces, segments, params)
    audit_split(built.identities)
    write_dataset(built, at)
    counts = count(built.identities, names)
    write_stats(counts, built.pairs, at)
    print(f"\nTable 1 of this run, {len(built.pairs):,} pairs:\n{render(counts)}\n")
