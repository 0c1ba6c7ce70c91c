"""Query parameters, each described once: for reading it and for the OpenAPI document; and bodies in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.json_text import read_json

_MAX_DIGITS = 18


class Number(NamedTuple):
    """A whole number within a range."""

    name: str
    least: int
    most: int
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
        plain = value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS
        if not plain or not self.least <= int(value) <= self.most:
            raise InvalidRequestError(
                f"{self.name}={value!r:.100}: give a whole number from {self.least} to {self.most}."
            )
        return int(value)

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        schema = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return schema | ({"default": self.default} if self.default >= self.least else {})


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


Parameter = Number | Choice | Flag | Text


def json_value(body: bytes) -> Any:
    """Read a body.

    Raises:
        InvalidRequestError: it is not JSON.
    """
    return read_json(body, refusal="The body is not JSON")
