"""Settings as environment variables: name, parser and documentation, defined next to each field.

A section of settings is a `NamedTuple` whose fields are annotated with a `Variable`, which is all that
parsing, validation and documentation need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ogdc_shared.errors import ConfigurationError

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_Section = TypeVar("_Section")


class Kind(NamedTuple):
    """The type of a variable's value."""

    takes: str
    """Description for users."""
    read: Callable[[str, str], Any]
    """Converts a variable's name and text to its value; raises ConfigurationError, which names both."""


class Variable(NamedTuple):
    """One environment variable."""

    name: str
    kind: Kind
    about: str
    """Description."""
    readers: str | None = None
    """The functions that use it; None means those of its section."""
    default: str | None = None
    """How the default is documented; None means its value."""


def _text(_name: str, value: str) -> str:
    return value


def _base_url(_name: str, value: str) -> str:
    return value.rstrip("/")


def _flag(name: str, value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise ConfigurationError(f"{name}={value!r}: give true or false.")
    return value.lower() in _TRUE


TEXT = Kind("text", _text)
BASE_URL = Kind("a URL", _base_url)
FLAG = Kind("`true` or `false`", _flag)


def number(minimum: int, *, of: Callable[[int], Any] = int) -> Kind:
    """Return the type of whole numbers of at least `minimum`, converted by `of`."""

    def read(name: str, value: str) -> Any:
        if not value.isdecimal() or int(value) < minimum:
            raise ConfigurationError(f"{name}={value!r}: give a whole number of at least {minimum}.")
        return of(int(value))

    return Kind(f"a whole number of at least {minimum}", read)


def choice(*options: str) -> Kind:
    """Return the type of a choice between words."""

    def read(name: str, value: str) -> str:
        if value not in options:
            raise ConfigurationError(f"{name}={value!r}: give one of {', '.join(options)}.")
        return value

    return Kind("one of " + ", ".join(f"`{option}`" for option in options), read)


def pattern(takes: str, matches: Callable[[str], object], *, refusal: str) -> Kind:
    """Return the type of texts that match; `refusal` ends the error message."""

    def read(name: str, value: str) -> str:
        if not matches(value):
            raise ConfigurationError(f"{name}: {value!r} {refusal}")
        return value

    return Kind(takes, read)


def json_list(takes: str, entry: Callable[[Any], Any]) -> Kind:
    """Return the type of JSON lists; `entry` converts an entry, or raises ValueError."""
    return _json(takes, list, "list", lambda items: tuple(entry(item) for item in items))


def json_object(takes: str, read_all: Callable[[Mapping[str, Any]], Any]) -> Kind:
    """Return the type of JSON objects; `read_all` converts the object, or raises ValueError."""
    return _json(takes, dict, "object", read_all)


def _json(takes: str, kind: type[Any], called: str, read_value: Callable[[Any], Any]) -> Kind:
    def read(name: str, value: str) -> Any:
        try:
            found = json.loads(value)
        except ValueError as exc:
            raise ConfigurationError(f"{name}={value!r} is not JSON: {exc}. Give a JSON {called}.") from exc
        if not isinstance(found, kind):
            raise ConfigurationError(f"{name}={value!r}: give a JSON {called}.")
        try:
            return read_value(found)
        except ValueError as exc:
            raise ConfigurationError(f"{name}: {exc}") from exc

    return Kind(takes, read)


def variables(section: type[Any]) -> Iterator[tuple[str, Variable]]:
    """Yield the fields of a section with their variables."""
    for field, annotation in section.__annotations__.items():
        for each in getattr(annotation, "__metadata__", ()):
            if isinstance(each, Variable):
                yield field, each


def read_variable(section: type[Any], field: str, environ: Mapping[str, str]) -> Any:
    """Read one field of a section as `read_section` does, ignoring errors in others."""
    variable = dict(variables(section))[field]
    text = environ.get(variable.name, "").strip()
    return variable.kind.read(variable.name, text) if text else section._field_defaults[field]


def read_section(section: type[_Section], environ: Mapping[str, str], **others: Any) -> _Section:
    """Read a section from `environ`; an empty value counts as not set, and gives the field's default.

    Args:
        section: The section.
        environ: Variables by name.
        others: Values of fields without a variable.

    Raises:
        ConfigurationError: a value is invalid; the message names the variable and what it accepts.
    """
    values = {
        field: variable.kind.read(variable.name, text)
        for field, variable in variables(section)
        if (text := environ.get(variable.name, "").strip())
    }
    return section(**values, **others)
