"""Seconds, samples and milliseconds convert without surprises at halves."""

import pytest

from pipeline.core.base.units import exact_div, milliseconds, samples_in


def test_a_hop_that_is_no_whole_number_of_samples_is_refused() -> None:
    assert exact_div(16_000, 100) == 160
    with pytest.raises(ValueError, match="22050 is not a multiple of 100"):
        exact_div(22_050, 100)


@pytest.mark.parametrize(("duration_s", "samples"), [(0.0, 0), (6.0, 96_000), (0.3, 4_800), (0.00003125, 1)])
def test_a_duration_has_its_samples_rounded_half_up(duration_s: float, samples: int) -> None:
    assert samples_in(duration_s, 16_000) == samples


@pytest.mark.parametrize(("time_s", "expected"), [(0.0, 0), (0.04, 40), (0.0005, 1), (1.2004, 1200), (59.9999, 60_000)])
def test_a_time_has_its_nearest_millisecond(time_s: float, expected: int) -> None:
    assert milliseconds(time_s) == expected
