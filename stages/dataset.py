"""Cap, pair and count faces and segments, audit the split, and print the paper's Table 1 for this run."""

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section, released_names
from pipeline.dataset.build import DatasetParams, audit_split, build_person, keep_person
from pipeline.dataset.rows import dataset_writer, iterate_persons, iterate_released_persons, write_stats
from pipeline.dataset.table1 import count, render


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml, and for those that were released built, as they are."""
    params = load_params(DatasetParams, "dataset", at.params)
    names, released = read_section("datasets", at.params), released_names(at.params)
    with dataset_writer(at) as writer:
        for person in iterate_persons(names, at):
            writer.add(build_person(person, params))
        for person in iterate_released_persons(released, at):
            writer.add(keep_person(person))
        audit_split(writer.identities)
        writer.write(at)
    counts = count(writer.identities, [*names, *released])
    write_stats(counts, writer.n_pairs, at)
    print(f"\nTable 1 of this run, {writer.n_pairs:,} pairs:\n{render(counts)}\n")
