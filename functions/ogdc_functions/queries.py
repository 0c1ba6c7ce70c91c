"""Typed reads of a request's query parameters, and of a body in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ogdc_shared.errors import InvalidRequestError

_MOST_DIGITS = 18


def number(query: Mapping[str, str], key: str, *, default: int, least: int, most: int) -> int:
    """Read a whole number.

    Raises:
        InvalidRequestError: it is none, or out of range.
    """
    value = query.get(key)
    if value is None:
        return default
    plain = value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS
    if not plain or not least <= int(value) <= most:
        raise InvalidRequestError(f"{key}={value!r}: give a whole number from {least} to {most}.")
    return int(value)


def choice(query: Mapping[str, str], key: str, *, options: Sequence[str]) -> str | None:
    """Read one of a few words; None where there is none.

    Raises:
        InvalidRequestError: it is another word.
    """
    value = query.get(key)
    if value is not None and value not in options:
        raise InvalidRequestError(f"{key}={value!r}: give one of {', '.join(options)}.")
    return value


def flag(query: Mapping[str, str], key: str) -> bool:
    """Read true or false; false where there is neither.

    Raises:
        InvalidRequestError: it is neither.
    """
    return choice(query, key, options=("true", "false")) == "true"


def json_value(body: bytes) -> Any:
    """Read a body.

    Raises:
        InvalidRequestError: it is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"The body is not JSON: {exc}.") from exc
