"""Line charts: coordinates of points and ticks."""

import math

import pytest

from pipeline.report.chart import draw_chart, ticks


def points_of(text: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, point.split(","))) for point in text.split()]


def test_the_first_and_the_last_step_are_at_the_edges_and_the_largest_value_on_top() -> None:
    chart = draw_chart("loss", [(0, 3.0), (50, 2.0), (100, 1.0)])
    assert chart is not None
    assert points_of(chart.line) == [
        (chart.left, chart.top),
        ((chart.left + chart.right) / 2, (chart.top + chart.bottom) / 2),
        (chart.right, chart.bottom),
    ]
    assert chart.band == ""


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.5, 1]),
        (0, 100, [0, 50, 100]),
        (0.12, 0.19, [0.12, 0.14, 0.16, 0.18]),
        (-3, 3, [-2, 0, 2]),
        (1, 1000, [200, 400, 600, 800, 1000]),
    ],
)
def test_ticks_are_round_numbers_within_the_range_and_at_most_five(
    low: float, high: float, expected: list[float]
) -> None:
    assert ticks(low, high) == expected


@pytest.mark.parametrize("span", [1e-9, 1e-3, 0.7, 1, 9.99, 10, 123, 5e7])
def test_there_are_two_to_five_ticks_whatever_the_span(span: float) -> None:
    found = ticks(0.3 * span, 1.3 * span)
    assert 2 <= len(found) <= 5
    assert all(0.3 * span <= tick * (1 + 1e-9) and tick <= 1.3 * span * (1 + 1e-9) for tick in found)


def test_a_single_point_and_a_level_line_are_drawn_in_the_middle() -> None:
    for points in ([(5, 2.0)], [(0, 2.0), (10, 2.0)]):
        chart = draw_chart("loss", points)
        assert chart is not None
        assert {y for _, y in points_of(chart.line)} == {(chart.top + chart.bottom) / 2}


def test_what_is_not_a_finite_number_is_left_out_and_nothing_else_is_no_chart() -> None:
    chart = draw_chart("loss", [(0, 1.0), (1, math.nan), (2, math.inf), (3, 2.0)])
    assert chart is not None and len(points_of(chart.line)) == 2
    assert draw_chart("loss", [(0, math.nan)]) is None
    assert draw_chart("loss", []) is None


def test_many_points_become_means_of_runs_and_the_band_holds_every_value() -> None:
    points = [(step, float(step % 2)) for step in range(1600)]
    chart = draw_chart("loss", points)
    assert chart is not None
    assert len(points_of(chart.line)) == 160
    assert {y for _, y in points_of(chart.line)} == {(chart.top + chart.bottom) / 2}
    assert {y for _, y in points_of(chart.band)} == {chart.top, chart.bottom}


def test_a_chart_has_a_description_of_start_end_and_range() -> None:
    chart = draw_chart("train/face", [(1, 0.5), (20, 0.75), (3000, 0.25)])
    assert chart is not None
    assert chart.description == "train/face: 0.5000 at step 1, 0.2500 at step 3,000, all between 0.2500 and 0.7500"


def test_steps_have_whole_numbers_as_ticks_and_thousands_are_short() -> None:
    chart = draw_chart("loss", [(1, 1.0), (2, 2.0)])
    assert chart is not None and {tick.text for tick in chart.x_ticks} == {"1", "2"}
    chart = draw_chart("loss", [(0, 1.0), (500_000, 2.0)])
    assert chart is not None and chart.x_ticks[-1].text == "400k"
