"""A cache of issuers' keys in the database, shared by all processes of a deployment.

It saves a new instance the request to the issuer, which takes longer than everything else about a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ogdc_shared.auth.oidc.jwks import KeySet


class CachedKeys(NamedTuple):
    """Keys that some process of the deployment has fetched."""

    keys: KeySet
    age: float
    """Seconds since they were asked for."""


class KeyCache(Protocol):
    """Holds the keys of one issuer for all processes; any error says that there is no use in it now."""

    def load(self) -> CachedKeys | None:
        """Read the keys; None if none have been fetched."""

    def save(self, fetched: CachedKeys) -> None:
        """Record them, unless there are newer ones."""
