"""Common code of all benchmarks: repetitions and durations, and the site, created on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.memory import memory_directory
from benchmarks.site import Site

_K = TypeVar("_K")
_V = TypeVar("_V")


class Effort(NamedTuple):
    """How much to measure."""

    repetitions: int
    seconds: int
    """Of load, each time."""


class Bench:
    """One session of measuring.

    Attributes:
        effort: How much to measure.
        directory: Everything is written below it. It is short, since PostgreSQL's socket is there.
        parts: Closed at the end.
    """

    def __init__(self, effort: Effort, *, directory: Path, parts: ExitStack) -> None:
        self.effort = effort
        self.directory = directory
        self.parts = parts
        self._names = count()

    @cached_property
    def site(self) -> Site:
        return self.parts.enter_context(Site(self.new_directory()))

    def new_directory(self) -> Path:
        directory = self.directory / str(next(self._names))
        directory.mkdir()
        return directory

    def memory_directory(self) -> Path:
        """Make a directory in memory for small files that a load sends."""
        return Path(self.parts.enter_context(memory_directory()))

    def in_turns(self, trials: Mapping[_K, Callable[[], _V]]) -> dict[_K, tuple[_V, ...]]:
        """Make every trial, one after the other, as often as there are repetitions.

        What disturbs the machine for a while then disturbs all of them. A first turn does not count: it
        compiles bytecode and fills caches.
        """
        turns = [{key: trial() for key, trial in trials.items()} for _ in range(1 + self.effort.repetitions)]
        return {key: tuple(turn[key] for turn in turns[1:]) for key in trials}
