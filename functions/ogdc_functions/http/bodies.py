"""Requests' bodies, as the structs that the table of routes gives them."""

from __future__ import annotations

from typing import TypeVar

from flask import Request
from msgspec import DecodeError, Struct

from ogdc_shared.api.routes import MAX_KEY
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.structs import decoder

BUNDLE_TYPES = frozenset({"application/gzip", "application/x-gzip", "application/x-tar", "application/zip"})
"""Of a recipe directory, packed."""
_Body = TypeVar("_Body", bound=Struct)


def read_struct(request: Request, kind: type[_Body]) -> _Body:
    """Read a body in JSON.

    Raises:
        InvalidRequestError: it is none, or not of that form; the message says what is wrong with which field.
    """
    try:
        return decoder(kind).decode(request.get_data())
    except (DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidRequestError(f"The body is not what is wanted here: {exc}.") from exc


def idempotency_key(request: Request) -> str | None:
    """The key under which a request may come again; None: it has none.

    Raises:
        InvalidRequestError: it is empty, too long or cannot be printed.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
        raise InvalidRequestError(f"Idempotency-Key: give 1 to {MAX_KEY} printable characters.")
    return key
