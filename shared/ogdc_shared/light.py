"""Stand-ins for parts of the standard library that take long to import.

A run may have thousands of short tasks, each of which waits for an interpreter of its own. Importing `typing`
takes longer than starting Python does, and so does `json`; most of that goes into classes and regular
expressions which a task never uses. What `process` imports before its work begins takes these instead, which
are the same things but for that; everywhere else, the originals are right.

The private modules that this rests on are those the originals are made of. Where one is missing, the
original is taken.
"""

from __future__ import annotations

__all__ = ["TYPE_CHECKING", "NamedTuple", "flat_json", "loads", "partial", "quoted", "signal", "suppress"]

TYPE_CHECKING = False
"""As `typing` has it: type checkers take it for true."""

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from contextlib import suppress
    from functools import partial
    from json import loads
    from json.encoder import encode_basestring as quoted
    from typing import Any, NamedTuple
else:
    try:
        import _signal as signal
        from _collections import _tuplegetter as item_at
        from _functools import partial
        from _json import encode_basestring as quoted
        from _json import make_scanner
    except ImportError:
        import signal
        from contextlib import suppress
        from functools import partial
        from json import loads
        from json.encoder import encode_basestring as quoted
        from typing import NamedTuple
    else:

        class suppress:  # noqa: N801
            """As `contextlib.suppress`."""

            def __init__(self, *errors):
                self._errors = errors

            def __enter__(self):
                """Enter the block."""

            def __exit__(self, kind, error, traceback):
                """Say whether the error is one of those."""
                return kind is not None and issubclass(kind, self._errors)

        class _Defaults:
            """How `json.loads` makes values."""

            strict = True
            parse_float = parse_constant = float
            parse_int = int
            object_hook = object_pairs_hook = array_hook = None

        _scan = make_scanner(_Defaults)

        def loads(text):
            """As `json.loads`, which is left to say what is wrong with a text."""
            with suppress(Exception):  # the scanner's own errors need a part of `json`
                content = text.decode() if isinstance(text, bytes) else text
                value, end = _scan(content, 0)
                if end == len(content):
                    return value
            import json

            return json.loads(text)

        class _Record(tuple):
            """What named tuples have in common."""

            __slots__ = ()

            @classmethod
            def _make(cls, values):
                return cls(*values)

            def _replace(self, /, **changes):
                changed = self._make(map(changes.pop, self._fields, self))
                if changes:
                    raise TypeError(f"{type(self).__name__} has no {', '.join(changes)}")
                return changed

            def _asdict(self):
                return dict(zip(self._fields, self, strict=True))

            def __repr__(self):
                fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
                return f"{type(self).__name__}({fields})"

            def __getnewargs__(self):
                return tuple(self)

        class _Definition(type):
            """Turns the body of a class into a class of named tuples."""

            def __new__(meta, name, bases, body):
                if not bases:
                    return super().__new__(meta, name, bases, body)
                fields = tuple(body.get("__annotations__", ()))
                defaults = tuple(body.pop(field) for field in fields if field in body)
                names = ", ".join(fields)
                new = f"lambda _cls, {names}: _new(_cls, ({names},))"
                body["__new__"] = eval(new, {"_new": tuple.__new__})  # noqa: S307  nothing but names of fields
                body["__new__"].__defaults__ = defaults
                body |= {field: item_at(place, None) for place, field in enumerate(fields)}
                return type(name, (_Record,), body | {"__slots__": (), "_fields": fields})

        class NamedTuple(metaclass=_Definition):
            """As `typing.NamedTuple`, in modules with `from __future__ import annotations`."""


def flat_json(fields: Mapping[str, Any]) -> str:
    """Render an object whose values are texts, numbers, booleans or None as JSON in one line."""
    return "{" + ", ".join(f"{quoted(name)}: {_value(value)}" for name, value in fields.items()) + "}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else repr(value)
