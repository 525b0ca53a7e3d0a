"""JSON as text."""

import pytest

from pipeline.report.notes import as_text, flatten, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (28.23541, "28.24"),
        (0.91664, "0.9166"),
        (3.48105, "3.481"),
        (12345.678, "12,346"),
        (1000.4, "1,000"),
        (0.0, "0"),
        (-0.25, "-0.2500"),
        (0.0001, "0.0001"),
        (0.00009999, "0.0001"),
        (0.0000312, "3.1e-05"),
        (1234567.0, "1.2e+06"),
        (999999.0, "999,999"),
    ],
)
def test_a_number_has_four_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_values_are_written_as_text() -> None:
    assert [as_text(value) for value in (None, True, False, 12345, "inf", 0.5)] == [
        "none",
        "yes",
        "no",
        "12,345",
        "inf",
        "0.5000",
    ]


def test_a_long_list_is_cut_after_eight() -> None:
    assert as_text([]) == "none"
    assert as_text(list(range(8))) == "0, 1, 2, 3, 4, 5, 6, 7"
    assert as_text(list(range(10))) == "0, 1, 2, 3, 4, 5, 6, 7, and 2 more"


def test_nested_names_are_joined() -> None:
    note = {"voice": "a-1", "training": {"losses": {"face_loss": 0.25}, "n_steps": 9}}
    assert flatten(note) == [
        ("voice", "a-1"),
        ("training: losses: face loss", "0.2500"),
        ("training: number of steps", "9"),
    ]
