"""List the clips of a dataset: published identity and address of each."""

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import read_section
from pipeline.sources.kinds import check_input, list_clips
from pipeline.sources.listing import write_listing


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``, whose source is a section of params.yaml."""
    section = read_section(f"sources.{dataset}", at.params)
    check_input(dataset, section)
    found = list_clips(dataset, section)
    counts = write_listing(found, at.listed(dataset), at.ledger("sources", dataset))
    print(f"sources@{dataset}: {counts.n_clips} clips of {counts.n_identities} identities, {counts.n_dropped} dropped")
