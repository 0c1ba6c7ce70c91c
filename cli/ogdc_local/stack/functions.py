"""The functions, served by functions-framework as on a cluster, but in one process with one context."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_local.stack.refusals import without_connection_header
from ogdc_shared.context import Context

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SERVED: ContextVar[Context] = ContextVar("SERVED")
"""Passes the context to `function_source`, since functions-framework loads a file without arguments."""


class Functions(NamedTuple):
    """The WSGI applications of the functions; each field has the name of the function's target."""

    submit: WSGIApplication
    status: WSGIApplication
    argo_events: WSGIApplication
    upload: WSGIApplication
    users: WSGIApplication


def build_functions(context: Context) -> Functions:
    """Have functions-framework create an application for each function."""
    from functions_framework import create_app

    create: Callable[..., WSGIApplication] = create_app
    source = Path(__file__).with_name("function_source.py")
    token = SERVED.set(context)
    try:
        return Functions(
            *(
                without_connection_header(create(target, source=source, signature_type="http"))
                for target in Functions._fields
            )
        )
    finally:
        SERVED.reset(token)
