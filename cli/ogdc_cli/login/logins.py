"""A stored login and its deployment."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from urllib.parse import urlsplit

import msgspec

from ogdc_shared.errors import ConfigurationError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_TIME = 253_402_300_799.0
"""The end of the year 9999, beyond which no calendar goes; anybody can write any number."""
_MAX_EARLY, _EARLY_PART = 30.0, 5
"""A token is renewed half a minute before its end, or for the last fifth of a shorter life: seconds that a
request, or a clock that is wrong, may take."""


class Login(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tokens of one deployment."""

    access_token: str | None = None
    refresh_token: str | None = None
    obtained_at: float | None = None
    """Seconds since 1970, like `expires_at`, or None if unknown."""
    expires_at: float | None = None
    """Of the access token."""
    issuer: str | None = None
    """The issuer that renews it; None if it was pasted and the deployment may renew it (`POST /refresh`)."""
    client_id: str | None = None
    """What the issuer knows this program by."""

    def is_over(self, *, early: bool = False) -> bool:
        """Whether the access token is known to have ended, or (`early`) to end in a moment."""
        if self.expires_at is None:
            return False
        margin = 0.0
        if early:
            life = self.expires_at - self.obtained_at if self.obtained_at is not None else _MAX_EARLY
            margin = min(_MAX_EARLY, max(0.0, life) / _EARLY_PART)
        return time.time() >= self.expires_at - margin

    def with_access(self, token: str, *, refresh_token: str | None, expires_in: float | None) -> Login:
        """This login with a new access token; a refresh token stays unless it is replaced."""
        now = time.time()
        end = _end_of(token) if expires_in is None else now + expires_in
        return msgspec.structs.replace(
            self,
            access_token=token,
            refresh_token=refresh_token or self.refresh_token,
            obtained_at=now,
            expires_at=None if end is None else min(max(end, 0.0), _LAST_TIME),
        )


def key_of(url: str) -> str:
    """A deployment's URL in the one form that its login is kept under: origin and path.

    Raises:
        ConfigurationError: it is no URL of a deployment.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigurationError(f"OGDC_API_URL={url!r} is not a URL: {exc}.") from exc
    if not parts.hostname:
        raise ConfigurationError(f"OGDC_API_URL={url!r} is not a URL: it has no host.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    scheme = parts.scheme.lower()
    shown_port = "" if port in (None, _DEFAULT_PORTS.get(scheme)) else f":{port}"
    return f"{scheme}://{host}{shown_port}{parts.path.rstrip('/')}"


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as they stand in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _end_of(token: str) -> float | None:
    """Return the unverified expiry of a JWT (`exp`), or None."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(claims, type=_Claims).exp
    except (ValueError, msgspec.DecodeError):
        return None


class _Claims(msgspec.Struct):
    exp: float | None = None
