"""The geometry of a line chart as SVG of fixed size; the page's style sheet has its colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

import numpy as np
from numpy.typing import NDArray

from pipeline.report.notes import number

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 330, 10, 164
_MOST_POINTS = 160
_MOST_TICKS = 5

Point = tuple[float, float]
"""(step, value)."""


Range = tuple[float, float]
"""(lowest, highest), of which the second is the larger."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick's coordinate along its axis, and its label."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A line, the band from smallest to largest value at each point, and ticks; coordinates from the top left."""

    name: str
    line: str
    band: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    description: str
    """For readers who can't see the chart."""
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM
    width: int = _WIDTH
    height: int = _HEIGHT


def draw_chart(name: str, points: Sequence[Point]) -> Chart | None:
    """Return the chart of ``points`` in order of step; None where no value is a finite number.

    Many points are drawn as the means of runs of them, and a band from the smallest to the largest of each run.
    """
    finite = np.array([point for point in points if all(map(isfinite, point))], float).reshape(-1, 2)
    if not len(finite):
        return None
    runs = np.array_split(finite, min(len(finite), _MOST_POINTS))
    steps, means = np.array([run.mean(axis=0) for run in runs]).T
    lows, highs = ([of(run[:, 1]) for run in runs] for of in (np.min, np.max))
    across, up = _range(steps), _range(finite[:, 1])
    is_thinned = len(runs) < len(finite)
    return Chart(
        name=name,
        line=_svg_points(steps, means, across, up),
        band=_svg_points([*steps, *steps[::-1]], [*highs, *lows[::-1]], across, up) if is_thinned else "",
        x_ticks=[Tick(_x(tick, across), _short(tick)) for tick in ticks(*across) if tick == int(tick)],
        y_ticks=[Tick(_y(tick, up), _short(tick)) for tick in ticks(*up)],
        description=_describe(name, finite.tolist()),
    )


def ticks(low: float, high: float) -> list[float]:
    """Return at most five round numbers from ``low`` to ``high``: multiples of 1, 2 or 5 times a power of ten."""
    power = floor(log10((high - low) / _MOST_TICKS))
    for digit, exponent in ((1, power), (2, power), (5, power), (1, power + 1), (2, power + 1)):
        step = digit * 10.0**exponent
        first, last = ceil(low / step), floor(high / step)
        if last - first < _MOST_TICKS:
            break
    return [float(f"{multiple * step:.10g}") for multiple in range(first, last + 1)]


def _range(values: NDArray[np.float64]) -> Range:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _svg_points(xs: Sequence[float], ys: Sequence[float], across: Range, up: Range) -> str:
    """Return the points in SVG's notation: ``x,y x,y``."""
    return " ".join(f"{_x(x, across):.1f},{_y(y, up):.1f}" for x, y in zip(xs, ys, strict=True))


def _x(step: float, across: Range) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * (step - across[0]) / (across[1] - across[0]), 1)


def _y(value: float, up: Range) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * (value - up[0]) / (up[1] - up[0]), 1)


def _short(tick: float) -> str:
    """Return 1200000 as 1.2M, 20000 as 20k, 0.25 as it is."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(tick) >= size:
            return f"{tick / size:g}{letter}"
    return f"{tick:g}"


def _describe(name: str, points: list[list[float]]) -> str:
    values = [value for _, value in points]
    (first, start), (last, end) = points[0], points[-1]
    return (
        f"{name}: {number(start)} at step {first:,.0f}, {number(end)} at step {last:,.0f}, "
        f"all between {number(min(values))} and {number(max(values))}"
    )
