"""Who may tell of events: whoever proves to be a source of the deployment, in the ways that it sets up.

A broker takes events from everybody in the cluster, and a Trigger hands them all on. So what proves where an
event is from has to be in it: the sources put a token in as an extension (`ceOverrides`). Where Knative's
senders have identities, a request also shows whose hand it comes from: the broker's, and no other pod's.
"""

from __future__ import annotations

from hmac import compare_digest
from time import time

from flask import Request

from ogdc_shared.accounts.identify import bearer
from ogdc_shared.context import Context
from ogdc_shared.errors import UnauthenticatedError
from ogdc_shared.events.cloudevents import TOKEN_EXTENSION

TOKEN_HEADER = f"ce-{TOKEN_EXTENSION}"
"""Where an event in binary content mode bears it."""


def check_sender(context: Context, request: Request) -> None:
    """Refuse a request of who has no identity that may tell of events, where issuers give some.

    Source: Knative Eventing, "Sender Identity": a Trigger sends its own token to a subscriber that has an
    audience.

    Raises:
        UnauthenticatedError: it shows none.
        ForbiddenError: it is another's.
        UnavailableError: that cannot be found out just now.
    """
    if not context.settings.oidc.has_sources:
        return
    authorization = request.headers.get("Authorization")
    if authorization is None:
        raise UnauthenticatedError(
            "Senders of events have to show who they are: give the Trigger's subscriber an audience."
        )
    context.issuers.check_sender(bearer(authorization), now=time())


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
    """Refuse who asks for a sweep and is no source of this deployment, as those above do."""
    check_sender(context, request)
    check_token(context, request.headers.get(TOKEN_HEADER))


def matches(token: str, given: str | None) -> bool:
    """Whether somebody knows a token; takes as long whatever they give."""
    return compare_digest((given or "").encode(errors="replace"), token.encode())
