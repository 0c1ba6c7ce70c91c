"""The token by which a member node authenticates the publisher.

Source: RFC 7519; d1_portal for the claims. A node treats an expired token like a missing one, so the expiry
is checked here.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import NamedTuple

from ogdc_shared.errors import TokenExpiredError, UnauthenticatedError

_ADVICE = "Copy a new one from the repository (My Profile, Settings, Authentication Token) and publish again."


class Token(NamedTuple):
    """A token and its claims, which only the node can verify."""

    text: str
    subject: str
    """The person whose token it is, as a DataONE subject."""
    expires_at: float
    """Seconds since 1970."""

    def check(self, *, now: float) -> None:
        """Check that the token has not expired.

        Raises:
            TokenExpiredError: it has expired.
        """
        if self.expires_at <= now:
            raise TokenExpiredError(
                f"The token of {self.subject} for DataONE expired {_ago(now - self.expires_at)}. "
                f"What was sent is kept. {_ADVICE}"
            )


def _ago(seconds: float) -> str:
    """Return a period in the largest unit of which it has at least two."""
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:,.0f} {name} ago"
    return "just now"


def read_token(text: str) -> Token:
    """Parse a token's claims; only the node can verify it.

    Raises:
        UnauthenticatedError: it is not a token.
    """
    try:
        payload = text.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject = str(claims.get("sub") or claims["userId"])
        return Token(text, subject.replace("https://orcid.org/", "http://orcid.org/"), float(claims["exp"]))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as exc:
        raise UnauthenticatedError(f"The token for DataONE is malformed. {_ADVICE}") from exc
