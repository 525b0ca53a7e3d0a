"""The time limit of an item counts its work, not its waiting."""

import signal
from collections.abc import Iterator

import pytest

from pipeline.engine.time_limit import limited, not_counted

NONE = (0.0, 0.0)


@pytest.fixture(autouse=True)
def _timer_of_the_test_run() -> Iterator[None]:
    before = signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    signal.setitimer(signal.ITIMER_REAL, *before)


def test_the_limit_ends_with_the_block_also_by_an_exception() -> None:
    with pytest.raises(KeyError), limited(1000):
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
        raise KeyError
    assert signal.getitimer(signal.ITIMER_REAL) == NONE


def test_waiting_stops_the_clock_and_what_was_left_is_left() -> None:
    with limited(1000):
        with not_counted():
            assert signal.getitimer(signal.ITIMER_REAL) == NONE
            with not_counted():
                assert signal.getitimer(signal.ITIMER_REAL) == NONE
            assert signal.getitimer(signal.ITIMER_REAL) == NONE
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000


def test_without_a_limit_waiting_sets_none() -> None:
    with not_counted():
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == NONE
