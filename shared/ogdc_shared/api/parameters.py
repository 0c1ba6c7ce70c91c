"""Query parameters, each described once: for reading it and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

from ogdc_shared.errors import InvalidRequestError

_MAX_DIGITS = 18


def read_assignments(given: Iterable[str]) -> dict[str, str]:
    """Read what is given as `NAME=VALUE`, by name.

    Raises:
        InvalidRequestError: something is not given so, or a name is given twice.
    """
    found: dict[str, str] = {}
    for each in given:
        name, mark, value = each.partition("=")
        if not mark:
            raise InvalidRequestError(f"{each!r:.100} sets no parameter; give NAME=VALUE, such as YEAR=2021.")
        if name in found:
            raise InvalidRequestError(f"parameter {name!r:.100}: is set twice; set it once.")
        found[name] = value
    return found


class Number(NamedTuple):
    """A whole number within a range."""

    name: str
    minimum: int
    maximum: int
    default: int
    about: str

    def read(self, query: Mapping[str, str]) -> int:
        """Read it.

        Raises:
            InvalidRequestError: it is none, or out of range.
        """
        value = query.get(self.name)
        if value is None:
            return self.default
        digits = value.removeprefix("-") if self.minimum < 0 else value
        plain = digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS
        if not plain or not self.minimum <= int(value) <= self.maximum:
            raise InvalidRequestError(
                f"{self.name}={value!r:.100}: give a whole number from {self.minimum} to {self.maximum}."
            )
        return int(value)

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        schema = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return schema | ({"default": self.default} if self.default >= self.minimum else {})


class Choice(NamedTuple):
    """One of a few words."""

    name: str
    options: tuple[str, ...]
    about: str

    def read(self, query: Mapping[str, str]) -> str | None:
        """Read it; None where it is not given.

        Raises:
            InvalidRequestError: it is another word.
        """
        value = query.get(self.name)
        if value is not None and value not in self.options:
            raise InvalidRequestError(f"{self.name}={value!r:.100}: give one of {', '.join(self.options)}.")
        return value

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "string", "enum": list(self.options)}


class Flag(NamedTuple):
    """True or false."""

    name: str
    about: str

    def read(self, query: Mapping[str, str]) -> bool | None:
        """Read it; None where it is not given.

        Raises:
            InvalidRequestError: it is neither.
        """
        value = Choice(self.name, ("true", "false"), self.about).read(query)
        return None if value is None else value == "true"

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "boolean"}


class Text(NamedTuple):
    """Any text."""

    name: str
    about: str

    def read(self, query: Mapping[str, str]) -> str | None:
        """Read it; None where it is not given."""
        return query.get(self.name)

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "string"}


class Texts(NamedTuple):
    """Any number of texts, each given under the same name."""

    name: str
    about: str

    def read(self, query: MultiDict[str, str]) -> list[str]:
        """Read them, in their order."""
        return query.getlist(self.name)

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "array", "items": {"type": "string"}}


Parameter = Texts | Number | Choice | Flag | Text
