"""Measured figures."""

from __future__ import annotations

from statistics import median
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """What a figure's median should reach."""

    value: float
    at_most: bool

    def met_by(self, value: float) -> bool:
        return value <= self.value if self.at_most else value >= self.value


def at_most(value: float) -> Goal:
    return Goal(value, at_most=True)


def at_least(value: float) -> Goal:
    return Goal(value, at_most=False)


class Baseline(NamedTuple):
    """The least that the same thing could cost on this machine, measured side by side with it."""

    name: str
    value: float
    """A median, in the figure's unit."""


class Figure(NamedTuple):
    """One quantity, measured several times."""

    what: str
    unit: str
    values: tuple[float, ...]
    goal: Goal | None = None
    baseline: Baseline | None = None

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """How many times the baseline it is."""
        return None if self.baseline is None else self.median / self.baseline.value

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None: there is none."""
        return None if self.goal is None else self.goal.met_by(self.median)

    def as_json(self) -> dict[str, Any]:
        derived = {"median": self.median, "min": min(self.values), "max": max(self.values)}
        return {
            **self._asdict(),
            **derived,
            "goal": self.goal and self.goal._asdict(),
            "met": self.met,
            "baseline": self.baseline and self.baseline._asdict(),
            "ratio": self.ratio,
        }
