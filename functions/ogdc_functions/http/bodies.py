"""Requests' bodies, as the structs that the table of routes gives them."""

from __future__ import annotations

from typing import TypeVar

from flask import Request
from msgspec import DecodeError, Struct

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.structs import decoder

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
