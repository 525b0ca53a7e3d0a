"""Cap, pair and count faces and segments, audit the split, and print the paper's Table 1 for this run."""

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.dataset.build import DatasetParams, audit_split, build_person
from pipeline.dataset.rows import dataset_writer, iterate_persons, write_stats
from pipeline.dataset.table1 import count, render


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml."""
    params = load_params(DatasetParams, "dataset", at.params)
    names = read_section("datasets", at.params)
    with dataset_writer(at) as writer:
        for person in iterate_persons(names, at):
            writer.add(build_person(person, params))
        audit_split(writer.identities)
        writer.write(at)
    counts = count(writer.identities, names)
    write_stats(counts, writer.n_pairs, at)
    print(f"\nTable 1 of this run, {writer.n_pairs:,} pairs:\n{render(counts)}\n")
