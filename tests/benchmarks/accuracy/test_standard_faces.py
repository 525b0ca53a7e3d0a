"""Labels that passes agree on decide; limits are chosen on other people than those who are counted."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.accuracy.standard_faces import CHOSEN, Share, leave_one_person_out, read_labels
from tests.face.faces import SELECT, face

COLUMNS = [f"{name}_{number}" for number in (1, 2, 3) for name in ("mouth", "eyes", "covered", "frontal", "blurred")]


def faces_of(person: str, gaps: dict[float, bool], step_s: float = 1.0) -> list[dict[str, object]]:
    """Return faces of one person, the first the most standard: their lip gaps, and whether they are labelled right."""
    rows = []
    for n, (gap, is_right) in enumerate(gaps.items()):
        one = face(n * step_s, lip_gap=gap, standardness=-float(n))
        rows.append({name: getattr(one, name) for name in type(one).__dataclass_fields__})
        rows[-1] |= {"person": person, "is_labelled": True, "is_right": is_right}
    return rows


@pytest.mark.parametrize(
    ("passes", "label"),
    [(("shut", "shut", ""), "shut"), (("shut", "parted", ""), "cant_tell"), (("shut", "parted", "parted"), "parted")]
    + [(("shut", "parted", "open"), "cant_tell"), (("cant_tell", "cant_tell", "shut"), "cant_tell")],
)
def test_a_label_is_that_of_two_passes(tmp_path: Path, passes: tuple[str, str, str], label: str) -> None:
    row = dict.fromkeys(COLUMNS, "no") | {f"mouth_{number}": one for number, one in enumerate(passes, start=1)}
    pd.DataFrame([{"file": "a.mp4", "time_ms": 40, "person": "p", **row}]).to_csv(tmp_path / "labels.csv", index=False)
    assert read_labels(tmp_path / "labels.csv").mouth.tolist() == [label]


def test_a_persons_own_labels_do_not_choose_the_limits_that_count_that_person() -> None:
    """By the others' labels 0.0175 is the widest gap that is right; this person's would forbid even that."""
    others = [row for person in "abcd" for row in faces_of(person, {0.005: True, 0.0174: True, 0.0201: False})]
    own = faces_of("own", {0.005: True, 0.0174: False, 0.0201: False})
    left_out = leave_one_person_out(pd.DataFrame(others + own), SELECT)
    assert sorted(left_out[left_out.person == "own"].lip_gap) == [0.005, 0.0174]
    assert min(CHOSEN["max_lip_gap"]) < 0.0174


def test_of_passing_faces_closer_than_min_apart_s_only_the_more_standard_one_is_taken() -> None:
    near = faces_of("near", {0.005: True, 0.006: False}, step_s=SELECT.min_apart_s - 0.01)
    apart = faces_of("apart", {0.005: True, 0.006: False}, step_s=SELECT.min_apart_s)
    passing = leave_one_person_out(pd.DataFrame(near + apart), SELECT)
    assert passing[passing.person == "near"].is_taken.tolist() == [True, False]
    assert passing[passing.person == "apart"].is_taken.tolist() == [True, True]


def test_a_face_without_labels_is_taken_and_chooses_nothing() -> None:
    labelled = [row for person in "ab" for row in faces_of(person, {0.005: True, 0.0174: True, 0.0201: False})]
    own = faces_of("own", {0.005: False, 0.006: False, 0.0174: False, 0.0201: False})
    unknown = [row | {"is_labelled": False} for row in own]
    passing = leave_one_person_out(pd.DataFrame(labelled + unknown), SELECT)
    assert passing[passing.person == "own"].lip_gap.tolist() == [0.005, 0.006, 0.0174]
    assert sorted(passing[passing.person == "a"].lip_gap) == [0.005, 0.0174]


def test_the_interval_of_a_share_is_wilsons() -> None:
    assert Share(97, 100).interval == (pytest.approx(0.9155, abs=1e-4), pytest.approx(0.9897, abs=1e-4))
    assert Share(0, 0).interval == (0.0, 1.0)
