"""Checks that a request's JSON contains only what can be stored, transmitted and passed to processes.

SQLite and PostgreSQL reject NUL and lone surrogates in text, and NaN in JSON. Command lines cannot contain
NUL. Deep nesting crashes recursive readers.

Source: RFC 8259 section 8.2 (unpaired surrogates), SQLite's JSON_MAX_DEPTH, execve(2).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ogdc_shared.errors import InvalidRequestError

_MAX_DEPTH = 64
_MAX_NUMBER = 2**53
"""Larger JSON numbers are not exact in every implementation."""


def json_object(body: bytes) -> dict[str, Any]:
    """Parse a request's body.

    Raises:
        InvalidRequestError: it is not a JSON object, or contains a value that cannot be stored.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"the request's body is not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise InvalidRequestError("the request's body is not a JSON object")
    _check(value, is_escaped=b"\\u" in body)
    return value


def _check(value: dict[str, Any], *, is_escaped: bool) -> None:
    """Check depth and numbers; texts only if the JSON has escapes, since others cannot be wrong in UTF-8."""
    pending: list[tuple[dict[str, Any] | list[Any], int]] = [(value, 1)]
    while pending:
        found, depth = pending.pop()
        if found and depth > _MAX_DEPTH:
            raise InvalidRequestError(f"the request's body nests more than {_MAX_DEPTH} levels deep")
        if is_escaped and isinstance(found, dict):
            for key in found:
                _check_single(key)
        for part in found.values() if isinstance(found, dict) else found:
            kind = type(part)
            if kind is dict or kind is list:
                pending.append((part, depth + 1))
            elif is_escaped or kind is not str:
                _check_single(part)


def _check_single(value: object) -> None:
    """Reject a text or number that cannot be stored."""
    if isinstance(value, str):
        if storable(value) != value:
            raise InvalidRequestError(f"{ascii(value)[:80]}: a text may hold no NUL and no lone surrogate")
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= _MAX_NUMBER):
        raise InvalidRequestError(f"{str(value)[:40]}: a number may be as large as {_MAX_NUMBER}")


def storable(text: str) -> str:
    """Return the text with a question mark for each character that cannot be stored."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "?").encode(errors="replace").decode()
