"""The device authorization grant: the user confirms in any browser while the command polls.

Source: RFC 8628, sections 3.1 to 3.5, with PKCE (RFC 7636), which Keycloak and others also support.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from ogdc_cli.login.metadata import Way
from ogdc_cli.login.tokens import TokenAnswer
from ogdc_cli.login.web import ProviderError, Web, check_url
from ogdc_shared.auth.pkce import Proof

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL, _SLOWER = 5.0, 5.0
"""Seconds; RFC 8628, section 3.5."""
_MAX_INTERVAL = 60.0
_SECONDS = 600.0
"""How long somebody has to say yes, where the provider does not say."""
_PENDING, _SLOW_DOWN = "authorization_pending", "slow_down"


class DeviceCode(Struct):
    """What the issuer gives for a start."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float = _SECONDS
    verification_uri_complete: str | None = None
    interval: float = _INTERVAL


class Timing(NamedTuple):
    """How time goes by; tests have one of their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


_TIMING = Timing()


def log_in(
    web: Web, way: Way, *, show: Callable[[DeviceCode], None], timing: Timing = _TIMING
) -> TokenAnswer:
    """Log in; `show` is called first, with the URL and code for the user.

    Raises:
        ProviderError: the login was denied or timed out, or the provider does not respond.
    """
    endpoint = way.issuer.device_authorization_endpoint
    if endpoint is None:
        raise ProviderError(f"{way.issuer.issuer} does not offer logins with a code.")
    proof = Proof.new()
    asked = {"client_id": way.client_id, "scope": way.scope} | proof.challenge
    given = web.answered_form(endpoint, asked, DeviceCode)
    for url in filter(None, (given.verification_uri, given.verification_uri_complete)):
        check_url(url)
    show(given)
    form = {
        "grant_type": GRANT,
        "device_code": given.device_code,
        "client_id": way.client_id,
        "code_verifier": proof.verifier,
    }
    return _wait(lambda: web.answered_form(way.issuer.token_endpoint, form, TokenAnswer), given, timing)


def _wait(ask: Callable[[], TokenAnswer], given: DeviceCode, timing: Timing) -> TokenAnswer:
    deadline = timing.now() + given.expires_in
    pause = min(max(1.0, given.interval), _MAX_INTERVAL)
    while timing.now() < deadline:
        timing.sleep(min(pause, max(0.0, deadline - timing.now())))
        try:
            return ask()
        except ProviderError as exc:
            pause = _next_pause(exc, pause)
    raise ProviderError(
        f"The code {given.user_code[:40]} was not confirmed in time. Start again: ogdc-runner login"
    )


def _next_pause(exc: ProviderError, pause: float) -> float:
    """Return the pause after a temporary error.

    Raises:
        ProviderError: `exc`, if it is permanent.
    """
    if exc.code == _PENDING:
        return pause
    if exc.code == _SLOW_DOWN:
        return min(pause + _SLOWER, _MAX_INTERVAL)
    if exc.passing:
        return min(pause * 2, _MAX_INTERVAL)
    words = {
        "access_denied": "The login was refused, in the browser or by the provider.",
        "expired_token": "The code expired before it was confirmed. Start again: ogdc-runner login",
    }
    raise ProviderError(words.get(exc.code or "", str(exc)), code=exc.code) from exc
