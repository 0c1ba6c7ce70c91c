"""Authentication of event senders: events must come from an event source of the deployment.

A broker accepts events from anybody in the cluster, and a Trigger forwards them all. So the event itself must
prove its origin: the sources add a token as an extension (`ceOverrides`). If Knative's senders have OIDC
identities, the request must also come from the broker and not from another pod.
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
"""The header that carries the token in binary content mode."""


def check_sender(context: Context, request: Request) -> None:
    """Reject a request whose sender has no permitted identity, if the deployment uses sender identities.

    Source: Knative Eventing, "Sender Identity": a Trigger sends its own token to a subscriber that has an
    audience.

    Raises:
        UnauthenticatedError: it has no token.
        ForbiddenError: the identity is not permitted.
        UnavailableError: the token cannot be verified at the moment.
    """
    if not context.settings.oidc.has_sources:
        return
    authorization = request.headers.get("Authorization")
    if authorization is None:
        raise UnauthenticatedError(
            "Event senders must authenticate: set an audience on the Trigger's subscriber."
        )
    context.issuers.check_sender(bearer(authorization), now=time())


def check_token(context: Context, given: str | None) -> None:
    """Reject an event without the deployment's event token, if one is configured.

    Raises:
        UnauthenticatedError: the token is missing or wrong; the event may be forged.
    """
    token = context.settings.event_token
    if token is not None and not matches(token, given):
        raise UnauthenticatedError(
            f"Events must carry OGDC_EVENT_TOKEN as the extension `{TOKEN_EXTENSION}`: set it in the "
            "source's `ceOverrides`."
        )


def check_sweeper(context: Context, request: Request) -> None:
    """Reject a request for a sweep unless it comes from an event source of the deployment."""
    check_sender(context, request)
    check_token(context, request.headers.get(TOKEN_HEADER))


def matches(token: str, given: str | None) -> bool:
    """Compare tokens in constant time."""
    return compare_digest((given or "").encode(errors="replace"), token.encode())
