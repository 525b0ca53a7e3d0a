"""The evaluation: every value in its column, and the paper's values beside it as published."""

import json

import pytest

from pipeline.core.base.layout import Layout
from pipeline.report.evaluation import Evaluation, MetricRow, MetricTable, MetricValue, read_evaluation
from pipeline.report.metrics import IDENTITY, PICTURES, RETRIEVAL
from tests.report.made_run import HOSTILE, QUOTED, SET, make_evaluation, write_json


@pytest.fixture
def evaluated(data_run: Layout) -> Layout:
    make_evaluation(data_run)
    return data_run


def read(at: Layout, datasets: tuple[str, ...] = (SET,)) -> Evaluation:
    evaluation = read_evaluation(at, datasets)
    assert evaluation is not None
    return evaluation


def row_of(table: MetricTable, name: str) -> MetricRow:
    return next(row for row in table.rows if row.name == name)


def test_a_metric_is_beside_the_values_that_the_paper_published(evaluated: Layout) -> None:
    row = row_of(read(evaluated).tables[0], "PSNR, dB")
    assert row.values == [MetricValue("21.46", "[20.50, 22.25]", 3)]
    assert list(row.published) == ["28.2354", "28.7509", "25.9633"]
    assert row.better == "higher"


def test_the_published_values_are_those_of_the_papers_tables() -> None:
    # Table 2 and 3, full method, row by row; MetricValue 8.
    assert [one.published for one in {**PICTURES, **IDENTITY}.values() if one.published] == [
        ("28.2354", "28.7509", "25.9633"),
        ("0.9166", "0.9156", "0.8963"),
        ("0.0463", "0.0514", "0.0544"),
        ("3.4811", "3.3944", "4.4863"),
        ("5.9931", "5.3709", "8.7056"),
        ("2.1262", "2.0899", "2.0796"),
        ("3.3405", "2.9035", "3.7534"),
        ("0.3314", "0.3523", "0.3768"),
        ("0.2278", "0.2184", "0.2122"),
        ("3.7988", "3.6453", "3.6084"),
    ]
    assert [one.published for one in RETRIEVAL.values() if one.published] == [
        ("20.53",),
        ("35.79",),
        ("46.84",),
        ("49.47",),
    ]


def test_a_metric_of_the_paper_that_this_run_lacks_keeps_its_row_and_another_one_does_not(evaluated: Layout) -> None:
    pictures, identity, *_ = read(evaluated).tables
    assert row_of(pictures, "LPIPS").values == [None]
    names = [row.name for row in pictures.rows]
    assert "Landmarks, mean, px" in names and "Landmarks over eye distance" not in names
    assert [row.values for row in identity.rows] == [[None]] * 5


def test_a_metric_without_a_title_has_its_name(evaluated: Layout) -> None:
    other = read(evaluated).tables[2]
    assert (other.title, [row.name for row in other.rows]) == ("Other metrics", ["unheard_of"])
    assert other.rows[0].values == [MetricValue("30.00", "", 2)]


def test_one_dataset_is_all_faces_and_several_have_columns_of_their_own(evaluated: Layout) -> None:
    assert [(one.name, one.n) for one in read(evaluated).tables[0].columns] == [("all test faces", 3)]
    content = json.loads(evaluated.metrics.read_text())
    write_json(evaluated.metrics, content | {"two": {"psnr": content["overall"]["landmark_px"]}})
    table = read(evaluated, (SET, "two", "three")).tables[0]
    assert [(one.name, one.n) for one in table.columns] == [("all test faces", 3), (SET, 3), ("two", 2)]
    assert row_of(table, "Landmarks, mean, px").values[2] is None


def test_a_dataset_whose_name_is_another_key_is_found_by_its_longer_name(evaluated: Layout) -> None:
    content = json.loads(evaluated.metrics.read_text())
    write_json(evaluated.metrics, content | {"dataset swap": content[SET]})
    columns = read(evaluated, (SET, "swap", "retrieval")).tables[0].columns
    assert [one.name for one in columns] == ["all test faces", SET, "swap"]


def test_retrieval_has_the_papers_accuracies_beside_it(evaluated: Layout) -> None:
    table = read(evaluated).retrieval
    assert [(row.name, row.published) for row in table.rows] == [
        ("Acc@1, %", ("20.53",)),
        ("Acc@1 of the true faces, %", [""]),
    ]


def test_where_nothing_was_evaluated_there_is_the_reason_and_no_empty_table(data_run: Layout) -> None:
    groups = {name: {} for name in ("overall", "retrieval", "swap", "notes")}
    write_json(data_run.metrics, {"n_faces": 0, **groups, "unavailable": {"evaluation": "no test person"}})
    evaluation = read(data_run)
    assert evaluation.tables == []
    assert evaluation.unavailable == [("evaluation", "no test person")]


def test_equal_pictures_have_an_infinite_psnr(evaluated: Layout) -> None:
    content = json.loads(evaluated.metrics.read_text())
    content["overall"]["psnr"] = {"value": "inf", "low": None, "high": None, "n": 1}
    write_json(evaluated.metrics, content)
    assert row_of(read(evaluated).tables[0], "PSNR, dB").values == [MetricValue("inf", "", 1)]


def test_inpainted_faces_are_between_the_masked_and_the_true_ones(evaluated: Layout) -> None:
    inpainted_faces = read(evaluated).inpainted_faces
    assert len(inpainted_faces) == 3
    first = inpainted_faces[0]
    assert first.audio_face is None
    assert [one.alt for one in (first.masked, first.inpainted, first.true) if one] == [
        f"{QUOTED}, masked",
        f"{QUOTED}, inpainted",
        f"{QUOTED}, the true face",
    ]


def test_a_query_has_its_retrieved_faces_nearest_first(evaluated: Layout) -> None:
    (query,) = read(evaluated).queries
    assert query.person == QUOTED and query.inpainted is not None
    assert [(one.person, one.is_correct, one.picture is not None) for one in query.retrieved] == [
        (HOSTILE, False, True),
        (QUOTED, True, True),
    ]


def test_the_map_joins_each_inpainted_face_to_its_true_one_within_the_picture(evaluated: Layout) -> None:
    face_map = read(evaluated).face_map
    assert face_map is not None and (face_map.n_faces, face_map.n_persons) == (3, 1)
    # True faces lie at (0, 0), (1, 1), (2, 2), inpainted ones 1 to the right of them; up is up.
    left, right, top, bottom = 14.0, face_map.width - 14.0, 14.0, face_map.height - 14.0
    assert [(pair.true.x, pair.true.y) for pair in face_map.pairs] == [
        (left, bottom),
        (pytest.approx(left + (right - left) / 3), pytest.approx((top + bottom) / 2)),
        (pytest.approx(left + 2 * (right - left) / 3), top),
    ]
    assert face_map.pairs[2].inpainted.x == right


def test_unavailable_metrics_have_their_reason(evaluated: Layout) -> None:
    assert read(evaluated).unavailable == [("lpips", f"evaluate.networks.lpips is null {HOSTILE}")]
