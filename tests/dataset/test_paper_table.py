"""The paper's numbers beside a run's: they add up but for its one slip, and counts say why a run has others."""

from copy import deepcopy
from pathlib import Path

import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.person import BY_EVIDENCE, TEST, TRAIN, Person
from pipeline.core.storage.manifest import write_manifest
from pipeline.dataset.paper_table import PAPER, PRINTED_TOTALS, beside_paper, explain
from pipeline.dataset.table1 import totals

KINDS = {"voxceleb_id": "voxceleb_id", "ff": "faceforensics", "hdtf": "hdtf", "mine": "folder"}


def test_the_papers_columns_give_its_totals_but_for_three_standard_faces() -> None:
    assert totals(PAPER) == PRINTED_TOTALS | {"standard faces": 9_117}
    assert PRINTED_TOTALS["standard faces"] == 9_114


def test_each_number_of_the_run_has_the_papers_behind_it_and_the_slip_is_told() -> None:
    counts = {name: deepcopy(PAPER.get(kind, PAPER["hdtf"])) for name, kind in KINDS.items()}
    counts["ff"][TEST]["standard faces"] = 229
    lines = [line.split() for line in beside_paper(counts, KINDS).splitlines()]
    assert lines[0] == ["voxceleb_id", "ff", "hdtf"]
    assert lines[4][:2] == ["standard", "faces"]
    assert " ".join(lines[4][11:]) == "229 / 231 556 / 556 143 / 143 9,115 / 9,117 (printed 9,114)"
    assert lines[2][-3:] == ["2,072", "/", "2,072"]


def test_of_some_datasets_the_totals_are_theirs_and_of_others_there_is_no_table() -> None:
    lines = beside_paper({"hdtf": PAPER["hdtf"]}, KINDS).splitlines()
    assert lines[-1].split()[-3:] == ["12,245", "/", "12,245"]
    assert "printed" not in "".join(lines)
    assert beside_paper({"mine": PAPER["hdtf"]}, KINDS) == ""


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    at = Layout(tmp_path)
    gone = Dropped.failed("video_unavailable", "")

    def write(stage: str, ends: dict[str, Dropped | None], dataset: str | None = "hdtf") -> None:
        rows = [ledger_row(stage, f"hdtf/{name}", drop) for name, drop in ends.items()]
        write_manifest(at.ledger(stage, dataset), LedgerRow, rows)

    write("sources", {"a_0": None, "a_1": None, "b_0": None, "c_0": None, "d": Dropped.failed("no_range")})
    write("download", {"a_0": None, "a_1": None, "b_0": None, "c_0": gone})
    ends = {"ann": None, "bo": Dropped.filtered("no_standard_face"), "a_0-a00000000": Dropped.filtered("other_voice")}
    write("dataset", ends, None)
    people = (("hdtf", "A", "ann"), ("hdtf", "Ann", "ann"), ("hdtf", "Bo", "bo"), ("ff", "x", "ann"))
    write_manifest(
        at.persons,
        Person,
        [
            Person(
                dataset_identity=f"{dataset}/{identity}",
                dataset=dataset,
                identity=identity,
                person_id=person,
                split=TRAIN,
                decided_by=BY_EVIDENCE,
                n_clips=1,
            )
            for dataset, identity, person in people
        ],
    )
    return at


def test_dead_links_merged_persons_and_those_without_a_standard_face_are_counted(at: Layout) -> None:
    assert explain(at, {"hdtf": "hdtf", "mine": "folder"}) == [
        "hdtf: clips listed: 4; rows of the lists not used: 1 (1 no range);"
        " clips without media: 1 (1 video unavailable);"
        " identities with media: 3, persons: 2, 1 of them in other datasets too;"
        " persons left out: 1 (1 no standard face);"
        " the paper counts each video as an identity, here a person is one in all videos."
    ]
