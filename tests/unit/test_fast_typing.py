"""The worker's own NamedTuple does what that of typing does, as far as it is used."""

from __future__ import annotations

import pickle
import typing
from typing import Any

import pytest

from ogdc_shared import fast_typing


class Point(fast_typing.NamedTuple):
    """A place."""

    x: int
    y: int = 2

    @property
    def total(self) -> int:
        return self.x + self.y

    @classmethod
    def diagonal(cls, at: int) -> Point:
        return cls(at, at)


class TypingPoint(typing.NamedTuple):
    """A place."""

    x: int
    y: int = 2


@pytest.mark.parametrize(("values", "named"), [((1,), {}), ((1, 5), {}), ((), {"y": 3, "x": 1})])
def test_it_is_made_like_that_of_typing(values: tuple[int, ...], named: dict[str, int]) -> None:
    ours, theirs = Point(*values, **named), TypingPoint(*values, **named)

    assert ours == theirs
    assert ours._asdict() == theirs._asdict()
    assert repr(ours) == repr(theirs).removeprefix("Typing")
    assert ours._replace(x=9) == theirs._replace(x=9)


@pytest.mark.parametrize("named", [{}, {"z": 1, "x": 1}])
def test_it_refuses_other_fields(named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Point(**named)


def test_it_has_the_methods_of_its_body() -> None:
    assert Point(1).total == 3
    assert Point.diagonal(4) == (4, 4)
    assert isinstance(Point.diagonal(4), Point)
    assert Point.__doc__ == "A place."


def test_it_cannot_be_changed() -> None:
    point: Any = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2
    with pytest.raises(AttributeError):
        point.z = 2


def test_it_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Point(1))) == Point(1)
