"""Request bodies and the Idempotency-Key header."""

from __future__ import annotations

from typing import TypeVar

from flask import Request
from msgspec import DecodeError, Struct

from ogdc_shared.api.routes import MAX_KEY
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.structs import decoder

BUNDLE_TYPES = frozenset({"application/gzip", "application/x-gzip", "application/x-tar", "application/zip"})
"""Content types of a recipe bundle."""
_Body = TypeVar("_Body", bound=Struct)


def read_struct(request: Request, kind: type[_Body]) -> _Body:
    """Decode a JSON body.

    Raises:
        InvalidRequestError: it is not JSON, or does not match `kind`; the message names the field.
    """
    try:
        return decoder(kind).decode(request.get_data())
    except (DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidRequestError(f"The request body is not valid: {exc}.") from exc


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header of a request, if any.

    Raises:
        InvalidRequestError: it is empty, too long or not printable.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
        raise InvalidRequestError(f"Idempotency-Key: give 1 to {MAX_KEY} printable characters.")
    return key
