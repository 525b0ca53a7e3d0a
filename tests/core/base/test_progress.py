"""Away from a terminal progress is a plain line now and then."""

from types import SimpleNamespace

import pytest

from pipeline.core.base import progress as module
from pipeline.core.base.progress import progress


class Clock:
    """A clock that a test moves."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def lines_of(clock: Clock, seconds: list[float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines printed when one item ends at each of these times."""
    with progress("faces", len(seconds)) as advance:
        for second in seconds:
            clock.now_s = 100.0 + second
            advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_line_is_printed_every_ten_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(clock, [4, 9.9, 10, 11, 19.9, 20, 25, 28], capsys) == [
        "faces: 3 of 8, about 17 s left",
        "faces: 6 of 8, about 7 s left",
    ]


def test_the_last_item_prints_none_for_the_summary_follows(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(clock, [1, 30], capsys) == []


def test_no_items_print_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(clock, [], capsys) == []


def test_items_that_need_no_work_are_taken_off_the_number(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("faces", 10) as advance:
        for _ in range(5):
            advance(computed=False)
        clock.now_s = 110.0
        advance()
    assert capsys.readouterr().err == "faces: 1 of 5, about 40 s left\n"


def test_an_unknown_number_of_items_is_not_made_up(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("faces", None) as advance:
        clock.now_s = 110.0
        advance()
    assert capsys.readouterr().err == "faces: 1\n"
