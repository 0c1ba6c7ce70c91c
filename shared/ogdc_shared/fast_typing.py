"""A substitute for `typing` in the worker, whose import takes three milliseconds of every task.

Type checkers see the real module, because they know `TYPE_CHECKING` by name.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:

    class _Record(type):
        """Makes a tuple class of a body that names its fields, as `typing.NamedTuple` does."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            record = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            for attribute, value in body.items():  # a class below it would be made for each, as long again
                setattr(record, attribute, value)
            return record

    class NamedTuple(metaclass=_Record):
        """The base of tuple classes with named fields; see `typing.NamedTuple`."""


__all__ = ["TYPE_CHECKING", "NamedTuple"]
