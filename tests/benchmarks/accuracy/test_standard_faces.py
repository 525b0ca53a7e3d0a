"""Labels that passes agree on decide; limits are chosen on other people than those who are counted."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.accuracy.standard_faces import CHOSEN, Share, leave_one_person_out, read_labels
from tests.face.faces import SELECT, face

COLUMNS = [f"{name}_{number}" for number in (1, 2, 3) for name in ("mouth", "eyes", "covered", "frontal", "blurred")]


def faces_of(person: str, log_odds: dict[float, bool], step_s: float = 1.0) -> list[dict[str, object]]:
    """Return faces of one person, the first the most standard: log odds of parted lips, and whether they are right."""
    rows = []
    for n, (parted, is_right) in enumerate(log_odds.items()):
        one = face(n * step_s, lips_parted=parted, standardness=-float(n))
        rows.append({name: getattr(one, name) for name in type(one).__dataclass_fields__})
        rows[-1] |= {"person": person, "is_labelled": True, "is_right": is_right}
        rows[-1] |= {"mouth": "shut" if is_right else "parted", "eyes": "open"}
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
    """By the others' labels -1.2 is the largest log odds that are right; this person's would forbid even that."""
    others = [row for person in "abcd" for row in faces_of(person, {-4.0: True, -1.2: True, -0.9: False})]
    own = faces_of("own", {-4.0: True, -1.2: False, -0.9: False})
    left_out = leave_one_person_out(pd.DataFrame(others + own), SELECT)
    assert sorted(left_out[left_out.person == "own"].lips_parted) == [-4.0, -1.2]
    assert min(CHOSEN["max_lips_parted"]) < -1.2 < max(CHOSEN["max_lips_parted"])


def test_as_many_faces_as_possible_pass_where_the_share_that_is_right_is_large_enough() -> None:
    """One wrong in 200 is the share asked for: the wrong one at -0.9 may pass for the sake of those at -0.6."""
    many = [row for person in "ab" for row in faces_of(person, {-4.0 + n / 1000: True for n in range(100)})]
    few = faces_of("c", {-0.9: False, -0.6: True, -0.55: True}) + faces_of("d", {-0.3: False})
    left_out = leave_one_person_out(pd.DataFrame(many + few + faces_of("own", {-0.6: True, -0.3: True})), SELECT)
    assert left_out[left_out.person == "own"].lips_parted.tolist() == [-0.6]


def test_of_passing_faces_closer_than_min_apart_s_only_the_more_standard_one_is_taken() -> None:
    near = faces_of("near", {-4.0: True, -3.9: False}, step_s=SELECT.min_apart_s - 0.01)
    apart = faces_of("apart", {-4.0: True, -3.9: False}, step_s=SELECT.min_apart_s)
    passing = leave_one_person_out(pd.DataFrame(near + apart), SELECT)
    assert passing[passing.person == "near"].is_taken.tolist() == [True, False]
    assert passing[passing.person == "apart"].is_taken.tolist() == [True, True]


def test_a_face_without_labels_is_taken_and_chooses_nothing() -> None:
    labelled = [row for person in "ab" for row in faces_of(person, {-4.0: True, -1.2: True, -0.9: False})]
    own = faces_of("own", {-4.0: False, -3.9: False, -1.2: False, -0.9: False})
    unknown = [row | {"is_labelled": False} for row in own]
    passing = leave_one_person_out(pd.DataFrame(labelled + unknown), SELECT)
    assert passing[passing.person == "own"].lips_parted.tolist() == [-4.0, -3.9, -1.2]
    assert sorted(passing[passing.person == "a"].lips_parted) == [-4.0, -1.2]


def test_the_interval_of_a_share_is_wilsons() -> None:
    assert Share(97, 100).interval == (pytest.approx(0.9155, abs=1e-4), pytest.approx(0.9897, abs=1e-4))
    assert Share(0, 0).interval == (0.0, 1.0)
