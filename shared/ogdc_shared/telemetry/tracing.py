"""The current context: trace context (W3C Trace Context), and fields for log lines.

A trace context comes with a request, an event or a run, and is passed on to called services. An invalid one
is ignored, as the standard requires.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import NamedTuple

_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_KNOWN_FLAGS = 0b11
_NAME = r"[a-z0-9][a-z0-9_*/-]"
_ENTRY = re.compile(rf"({_NAME}{{0,255}}|{_NAME}{{0,240}}@[a-z][a-z0-9_*/-]{{0,13}})=[!-+\--<>-~ ]{{0,256}}")
_MAX_ENTRIES = 32
_MAX_STATE = 512


class Trace(NamedTuple):
    """A position in a trace: the span that will be the parent of the next one.

    Source: https://www.w3.org/TR/trace-context-2/, section 3.
    """

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    flags: str = "00"
    """2 hex digits; the lowest bit is set if the trace may be recorded."""
    state: str = ""
    """The `tracestate` of tracing systems: any text that its grammar allows."""

    @property
    def parent(self) -> str:
        """The value for the `traceparent` header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that pass the trace on with a request."""
        return {"traceparent": self.parent} | ({"tracestate": self.state} if self.state else {})


class Scope(NamedTuple):
    """The current trace, or None, and the fields that are added to log lines."""

    trace: Trace | None
    fields: Mapping[str, str]
    """Name → value, such as the name of the `run`."""


_NOTHING = Scope(None, MappingProxyType({}))
_SCOPE = ContextVar("_SCOPE", default=_NOTHING)


def read_trace(parent: object, state: object = None) -> Trace | None:
    """Parse a `traceparent` and its `tracestate`; return None if the former is not valid."""
    found = _PARENT.fullmatch(parent) if isinstance(parent, str) else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "00" and more:
        return None
    return Trace(trace_id, span_id, f"{int(flags, 16) & _KNOWN_FLAGS:02x}", _read_state(state))


def new_trace(*, recorded: bool = False) -> Trace:
    """Begin a trace; `recorded` sets the flag that asks all services to record it."""
    return Trace(os.urandom(16).hex(), os.urandom(8).hex(), "01" if recorded else "00")


def current() -> Scope:
    """Return the scope of the current context."""
    return _SCOPE.get()


@contextmanager
def within(trace: Trace | None = None, /, **fields: str | None) -> Iterator[None]:
    """Run the block with a trace and fields added to the current scope, except fields of None."""
    outer = current()
    known = {name: value for name, value in fields.items() if value is not None}
    token = _SCOPE.set(Scope(trace or outer.trace, {**outer.fields, **known}))
    try:
        yield
    finally:
        _SCOPE.reset(token)


def _read_state(state: object) -> str:
    if not isinstance(state, str) or len(state) > _MAX_STATE:
        return ""
    entries = [entry for part in state.split(",") if (entry := part.strip(" \t"))]
    fits = len(entries) <= _MAX_ENTRIES and all(map(_ENTRY.fullmatch, entries))
    return ",".join(entries) if fits else ""
