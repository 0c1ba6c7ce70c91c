"""Signed links to artifacts, each valid for one artifact until it expires."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from ogdc_shared.errors import ConfigurationError, ForbiddenError, OutputUnavailableError


def sign(key: str, *, expires: int, secret: str) -> str:
    """The query string that grants reading `key` until `expires` (seconds since the epoch).

    Raises:
        ConfigurationError: `secret` is empty.
    """
    return f"expires={expires}&signature={_signature(key, str(expires), secret)}"


def verify(key: str, query: Mapping[str, str], *, secret: str, now: float) -> None:
    """Return only if `query` grants reading `key` at `now` (seconds since the epoch).

    Raises:
        ForbiddenError: `sign` did not make it for this key, or it was changed since.
        OutputUnavailableError: it was good and its time is over (`expired`).
    """
    expires = query.get("expires", "")
    expected = _signature(key, expires, secret)
    if not hmac.compare_digest(query.get("signature", "").encode(errors="surrogatepass"), expected.encode()):
        raise ForbiddenError(
            "This download link was not created by this deployment, or was changed. Ask for the output again."
        )
    # What was signed is a number of ours, so it can be read as one.
    if now >= int(expires):
        raise OutputUnavailableError(
            "This download link has expired. Ask for the output again.", expired=True
        )


def _signature(key: str, expires: str, secret: str) -> str:
    if not secret:
        raise ConfigurationError(
            "OGDC_SIGNING_KEY is not set: give the secret that download links are signed with."
        )
    # A newline is in neither part, so no other pair gives the same message.
    message = f"{expires}\n{key}".encode(errors="surrogatepass")
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
