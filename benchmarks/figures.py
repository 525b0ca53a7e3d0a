"""A measured number beside what it should be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number and what it should be."""

    name: str
    value: float
    target: float
    at_least: bool  # else: at most
    unit: str = ""

    @property
    def passes(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        """Return the figure in words."""
        sign = ">=" if self.at_least else "<="
        mark = "pass" if self.passes else "FAIL"
        return f"{mark}  {self.name:58} {self.value:9.3f}{self.unit:2} (target {sign} {self.target:g}{self.unit})"
