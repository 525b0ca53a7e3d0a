"""Conversions between seconds, samples, frames and bytes, each in one place."""

from fractions import Fraction

MILLISECONDS_PER_S = 1000
SAME_TIME_S = 0.0005
"""Covers the rounding of float seconds: moments this near to each other are one."""


def exact_div(numerator: int, denominator: int) -> int:
    """Return the quotient; raise ValueError when it is not whole (22 050 Hz has no 10 ms hop)."""
    quotient, remainder = divmod(numerator, denominator)
    if remainder:
        raise ValueError(f"{numerator} is not a multiple of {denominator}")
    return quotient


def samples_in(duration_s: float, sample_rate_hz: int) -> int:
    """Return the number of samples in ``duration_s``, rounded half up (Python's round is half to even)."""
    return int(Fraction(str(duration_s)) * sample_rate_hz + Fraction(1, 2))


def milliseconds(time_s: float) -> int:
    """Return ``time_s`` in whole milliseconds, rounded half up; the time stamp used inside ids."""
    return int(time_s * MILLISECONDS_PER_S + 0.5)
