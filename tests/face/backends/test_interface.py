"""Boxes overlap as rectangles do, and a backend is known by its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.errors import BadParams
from pipeline.face.backends.registry import build_backend
from pipeline.face.measures.boxes import Box, iou

boxes = st.builds(Box, st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 50), st.floats(1, 50))


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1.0),
        (Box(0, 0, 10, 10), Box(5, 0, 10, 10), 1 / 3),
        (Box(0, 0, 10, 10), Box(5, 5, 10, 10), 25 / 175),
        (Box(0, 0, 10, 10), Box(2, 2, 5, 5), 0.25),
        (Box(0, 0, 10, 10), Box(10, 0, 10, 10), 0.0),
        (Box(0, 0, 10, 10), Box(30, 30, 10, 10), 0.0),
        (Box(0, 0, 10, 10), Box(0, 30, 10, 10), 0.0),
    ],
)
def test_iou_is_the_shared_area_over_the_joint_area(a: Box, b: Box, share: float) -> None:
    assert iou(a, b) == pytest.approx(share)


@given(boxes, boxes)
def test_iou_does_not_depend_on_order_and_lies_in_0_to_1(a: Box, b: Box) -> None:
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1 + 1e-12


@given(boxes, boxes, st.floats(0.1, 10))
def test_iou_does_not_depend_on_the_size_of_a_pixel(a: Box, b: Box, factor: float) -> None:
    assert iou(a.scaled(factor), b.scaled(factor)) == pytest.approx(iou(a, b), abs=1e-6)


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(BadParams, match=r"'haar'.*expected 'dlib'"):
        build_backend("haar")
