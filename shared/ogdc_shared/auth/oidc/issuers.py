"""Verifying bearer tokens with the keys of the issuers that a deployment trusts.

Details of what is wrong with a token are only logged; the caller learns that it is not valid, and what to
do. PyJWT and cryptography are imported with the first token
(docs/decisions/0024-tokens-are-verified-by-pyjwt.md).
"""

from __future__ import annotations

import json
import logging
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ogdc_shared.auth.oidc.claims import (
    NoSubjectError,
    RefusedTokenError,
    check_claims,
    granted_roles,
    shown_name,
)
from ogdc_shared.auth.oidc.fetching import IssuerServer
from ogdc_shared.auth.oidc.jwks import ALGORITHMS, KeyId
from ogdc_shared.auth.oidc.keys import PATIENCE, IssuerKeys
from ogdc_shared.auth.permissions import Role
from ogdc_shared.errors import ForbiddenError, UnauthenticatedError
from ogdc_shared.imports import collection_paused, import_lazily
from ogdc_shared.oidc_settings import SOURCE_ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ogdc_shared.auth.oidc.key_cache import KeyCache
    from ogdc_shared.oidc_settings import TrustedIssuer
    from ogdc_shared.reach import IPNetwork

MAX_TOKEN = 16_384
"""Characters."""
_MAX_KEY_ID = 255
_REFUSED = (
    "This token is not valid here: it may have expired, or be none for this service. Log in again "
    "(`ogdc-runner login`), or send an API token."
)
_NO_SUBJECT = (
    "This token does not say whom it is about: it has no `sub`. Have its issuer put that in (Keycloak: the "
    "client scope `basic`), and log in again."
)

_log = logging.getLogger(__name__)


class Identity(NamedTuple):
    """Whom a valid token is about."""

    issuer: str
    subject: str
    """What the issuer calls them; with the issuer, it says who they are for ever."""
    name: str
    """As they are shown."""
    role: Role | None
    """The highest role that its scopes or claims grant; None if they grant none."""


class _Parsed(NamedTuple):
    """The parts of a token, which has not been verified."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    key: KeyId


class _Known(NamedTuple):
    trusted: TrustedIssuer
    server: IssuerServer
    keys: IssuerKeys


class Issuers:
    """All trusted issuers and their keys."""

    def __init__(
        self,
        trusted: Iterable[TrustedIssuer],
        *,
        networks: tuple[IPNetwork, ...] = (),
        cache: Callable[[TrustedIssuer], KeyCache] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Store the arguments; nothing is fetched yet.

        Args:
            trusted: The issuers.
            networks: Private networks from which their keys may be fetched, too.
            cache: Returns the shared cache of an issuer's keys; None means no cache.
            patience: Seconds that a request waits for keys.
        """
        self._trusted = tuple(trusted)
        self._networks, self._cache, self._patience = networks, cache, patience

    @cached_property
    def _known(self) -> Mapping[str, _Known]:
        return {each.issuer: self._know(each) for each in self._trusted}

    def _know(self, trusted: TrustedIssuer) -> _Known:
        server = IssuerServer(trusted, networks=self._networks)
        cache = self._cache(trusted) if self._cache else None
        keys = IssuerKeys(trusted.issuer, server, cache=cache, patience=self._patience)
        return _Known(trusted, server, keys)

    def server(self, issuer: str) -> IssuerServer:
        """Return the server of a trusted issuer.

        Raises:
            KeyError: it is not trusted.
        """
        return self._known[issuer].server

    def prefetch(self, issuers: Iterable[TrustedIssuer]) -> None:
        """Begin to fetch the keys of some that are missing or old, so that no request waits for them."""
        for each in issuers:
            self._known[each.issuer].keys.prefetch()

    def identify(self, token: str, *, now: float) -> Identity:
        """Verify a token, and return the user it identifies.

        Args:
            token: The token.
            now: Seconds since 1970.

        Raises:
            UnauthenticatedError: it is not valid.
            ForbiddenError: it is valid, but grants no access here.
            UnavailableError: the issuer's keys are needed and cannot be fetched.
        """
        trusted, claims = self._verified(token, now=now)
        name = shown_name(claims, trusted.name_claims)
        roles = granted_roles(claims, trusted.grants)
        role = max((Role(each) for each in roles if each != SOURCE_ROLE), key=[*Role].index, default=None)
        if role is None and (not trusted.others or SOURCE_ROLE in roles):
            raise ForbiddenError(f"{name} is authenticated, but has no role in this deployment.")
        return Identity(trusted.issuer, claims["sub"], name, role)

    def check_sender(self, token: str, *, now: float) -> None:
        """Check that a token is from a sender that may report events.

        Raises:
            ForbiddenError: its subject lacks the role of a source.
            UnauthenticatedError, UnavailableError: as for `identify`.
        """
        trusted, claims = self._verified(token, now=now)
        if SOURCE_ROLE not in granted_roles(claims, trusted.grants):
            _log.warning("%r is not a source of events", claims["sub"])
            raise ForbiddenError("The sender may not send events to this deployment.")

    def _verified(self, token: str, *, now: float) -> tuple[TrustedIssuer, Mapping[str, Any]]:
        try:
            return self._proved(token, now=now)
        except NoSubjectError as exc:
            reason, advice = str(exc), _NO_SUBJECT
        except RefusedTokenError as exc:
            reason, advice = str(exc), _REFUSED
        _log.warning("a token was refused: %s", reason)
        raise UnauthenticatedError(advice, error="invalid_token")

    def _proved(self, token: str, *, now: float) -> tuple[TrustedIssuer, Mapping[str, Any]]:
        """Verify a token's signature and claims; return its issuer and claims.

        Raises:
            RefusedTokenError: it is rejected.
            UnavailableError: the issuer's keys are needed and cannot be fetched.
        """
        parsed = _parsed(token)
        issuer = parsed.claims.get("iss")
        known = self._known.get(issuer) if isinstance(issuer, str) else None
        if known is None:
            raise RefusedTokenError(f"its issuer {issuer!r:.300} is not trusted")
        check_claims(parsed.claims, parsed.header, trusted=known.trusted, now=now)
        _verify(token, parsed, known.keys)
        return known.trusted, parsed.claims


def _verify(token: str, parsed: _Parsed, keys: IssuerKeys) -> None:
    with collection_paused():  # before the keys are waited for: in a cold start they are under way
        import_lazily("cryptography.x509")  # half of the import, and for keys in certificates alone
        from jwt import PyJWTError

    holding = keys.holding(parsed.key)
    try:
        proved = holding.verify(token, parsed.key)
    except PyJWTError as exc:
        raise RefusedTokenError(f"its signature is not valid: {exc}"[:500]) from exc
    if json.loads(proved) != parsed.claims:
        raise RefusedTokenError("its signed content differs from its claims")


def _parsed(token: str) -> _Parsed:
    """Parse a token.

    Raises:
        RefusedTokenError: it is not a JWT, or has an unsupported algorithm.
    """
    parts = token.split(".") if token.isascii() and len(token) <= MAX_TOKEN else []
    if len(parts) != 3:
        raise RefusedTokenError(f"it is not a JWT of at most {MAX_TOKEN} characters")
    header, claims = _json_object(parts[0]), _json_object(parts[1])
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise RefusedTokenError(f"its algorithm {algorithm!r:.100} is not supported")
    if not isinstance(kid, str | None) or len(kid or "") > _MAX_KEY_ID:
        raise RefusedTokenError("its `kid` is not a string or is too long")
    if "crit" in header or "b64" in header:
        raise RefusedTokenError("its header requires an unsupported extension (`crit` or `b64`)")
    return _Parsed(header, claims, KeyId(kid, algorithm))


def _json_object(part: str) -> Mapping[str, Any]:
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as exc:
        raise RefusedTokenError(f"a part of it is not JSON: {exc}"[:200]) from exc
    if not isinstance(value, dict):
        raise RefusedTokenError("a part of it is not a JSON object")
    return value
