"""Parsing JSON from outside, with error messages that do not mention Python."""

from __future__ import annotations

import json
from typing import Any

from ogdc_shared.errors import InvalidRequestError


def read_json(text: bytes, *, refusal: str) -> Any:
    """Parse untrusted JSON.

    Args:
        text: UTF-8, -16 or -32.
        refusal: Beginning of the error message, such as `The body is not JSON`.

    Raises:
        InvalidRequestError: it is not JSON, is nested too deeply or has a number with too many digits.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"{refusal}: {_reason(exc)}.") from exc


def _reason(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "it is nested too deeply"
    if isinstance(exc, UnicodeDecodeError):
        return f"byte {exc.start + 1} is not {exc.encoding.upper()}"
    if isinstance(exc, json.JSONDecodeError):
        return str(exc)
    return "a number in it has too many digits"
