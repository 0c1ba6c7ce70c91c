"""Who may tell of events: whoever knows the token that a deployment gives its own sources.

A broker takes events from everybody in the cluster, and a Trigger hands them all on. So what proves where an
event is from has to be in it: the sources put the token in as an extension (`ceOverrides`).
"""

from __future__ import annotations

from hmac import compare_digest

from flask import Request

from ogdc_shared.context import Context
from ogdc_shared.errors import UnauthenticatedError
from ogdc_shared.events.cloudevents import TOKEN_EXTENSION

TOKEN_HEADER = f"ce-{TOKEN_EXTENSION}"
"""Where an event in binary content mode bears it."""


def check_token(context: Context, given: str | None) -> None:
    """Refuse what does not bear the token, where there is one.

    Raises:
        UnauthenticatedError: it does not, so it has to be taken for forged.
    """
    token = context.settings.event_token
    if token is not None and not matches(token, given):
        raise UnauthenticatedError(
            f"Events have to bear OGDC_EVENT_TOKEN as the extension `{TOKEN_EXTENSION}`: set it in the "
            "source's `ceOverrides`."
        )


def check_sweeper(context: Context, request: Request) -> None:
    """Refuse who asks for a sweep and is no source of this deployment; as `check_token`."""
    check_token(context, request.headers.get(TOKEN_HEADER))


def matches(token: str, given: str | None) -> bool:
    """Whether somebody knows a token; takes as long whatever they give."""
    return compare_digest((given or "").encode(errors="replace"), token.encode())
