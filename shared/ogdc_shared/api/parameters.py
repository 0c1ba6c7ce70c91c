"""Types of query parameters; each definition serves both for parsing and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

from ogdc_shared.errors import InvalidRequestError

_MAX_DIGITS = 18


def read_assignments(given: Iterable[str]) -> dict[str, str]:
    """Parse `NAME=VALUE` pairs into a dictionary.

    Raises:
        InvalidRequestError: one is not of this form, or a name is repeated.
    """
    found: dict[str, str] = {}
    for each in given:
        name, mark, value = each.partition("=")
        if not mark:
            raise InvalidRequestError(f"{each!r:.100} is not of the form NAME=VALUE, such as YEAR=2021.")
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
        """Parse it from a query string; the default if it is absent.

        Raises:
            InvalidRequestError: it is not a number, or out of range.
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
    """One of a fixed set of strings."""

    name: str
    options: tuple[str, ...]
    about: str

    def read(self, query: Mapping[str, str]) -> str | None:
        """Parse it from a query string; None if it is absent.

        Raises:
            InvalidRequestError: it is not one of the options.
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
        """Parse it from a query string; None if it is absent.

        Raises:
            InvalidRequestError: it is neither `true` nor `false`.
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
        """Read it from a query string; None if it is absent."""
        return query.get(self.name)

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "string"}


class Texts(NamedTuple):
    """A parameter that may be repeated."""

    name: str
    about: str

    def read(self, query: MultiDict[str, str]) -> list[str]:
        """Read all its values from a query string, in order."""
        return query.getlist(self.name)

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "array", "items": {"type": "string"}}


Parameter = Texts | Number | Choice | Flag | Text
