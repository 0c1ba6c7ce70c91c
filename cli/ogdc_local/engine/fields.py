"""Reading a manifest's plain data so that anything of the wrong shape is refused by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ogdc_shared.errors import InvalidRequestError

_DIGITS = 15


class ManifestError(InvalidRequestError):
    """A Workflow the engine cannot run; the message begins with the path of what it is about."""


class Fields:
    """One object of a manifest, with the path it was found at."""

    def __init__(self, value: object, where: str, *, known: Mapping[str, frozenset[str]], kind: str) -> None:
        """Check the object's keys.

        Args:
            value: What JSON gave; an object.
            where: Its path, such as `spec.templates[1].container`.
            known: For each kind of object the keys that may be there.
            kind: This object's kind.

        Raises:
            ManifestError: no object, or a key that is not known.
        """
        if not isinstance(value, dict):
            raise ManifestError(f"{where or 'workflow'}: expected an object, got {_short(value)}.")
        self._value = value
        self._where = where
        self._known = known
        unknown = sorted(set(value) - known[kind])
        if unknown:
            raise ManifestError(
                f"{self.at(unknown[0])} is not supported by the engine of the local stack; "
                "it runs what ogdc-runner compiles. Use an Argo Workflows server for this workflow."
            )

    def __contains__(self, key: str) -> bool:
        return self._value.get(key) is not None

    def at(self, key: str) -> str:
        """The path of one of this object's fields."""
        return f"{self._where}.{key}" if self._where else key

    def text(self, key: str, default: str | None = None) -> str:
        """A string; a number is taken as its digits, as Argo's int-or-string fields allow."""
        value = self._value.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, (bool, float)) or not isinstance(value, (str, int)):
            raise ManifestError(f"{self.at(key)}: expected a string, got {_short(value)}.")
        return str(value)

    def number(self, key: str, default: int | None = None) -> int | None:
        """A whole number of at least 0, also where written as a string; `default` where there is none."""
        if key not in self:
            return default
        text = self.text(key)
        if not text.isascii() or not text.isdecimal() or len(text) > _DIGITS:
            raise ManifestError(f"{self.at(key)}: expected a whole number of at least 0, got {_short(text)}.")
        return int(text)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._value.get(key, default)
        if not isinstance(value, bool):
            raise ManifestError(f"{self.at(key)}: expected true or false, got {_short(value)}.")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; none where the field is not there."""
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            raise ManifestError(f"{self.at(key)}: expected a list of strings, got {_short(values)}.")
        return tuple(values)

    def one(self, key: str, kind: str) -> Fields:
        """An object; an empty one where the field is not there."""
        value = self._value.get(key)
        return Fields({} if value is None else value, self.at(key), known=self._known, kind=kind)

    def many(self, key: str, kind: str) -> Iterator[Fields]:
        """A list of objects; none where the field is not there."""
        for index, value in enumerate(self._list(key)):
            yield Fields(value, f"{self.at(key)}[{index}]", known=self._known, kind=kind)

    def mapping(self, key: str) -> dict[str, str]:
        """An object of strings; an empty one where the field is not there."""
        value = self._value.get(key) or {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise ManifestError(f"{self.at(key)}: expected an object of strings, got {_short(value)}.")
        return value

    def _list(self, key: str) -> list[Any]:
        value = self._value.get(key)
        if value is not None and not isinstance(value, list):
            raise ManifestError(f"{self.at(key)}: expected a list, got {_short(value)}.")
        return value or []


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
