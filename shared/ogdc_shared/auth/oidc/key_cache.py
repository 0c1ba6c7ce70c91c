"""Keys that all processes of a deployment share once one of them has fetched them.

A function that has just begun then need not ask the issuer, which takes longer than all else that a token
costs.
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
        """Read them; None: nobody has fetched any."""

    def save(self, fetched: CachedKeys) -> None:
        """Record them, unless there are newer ones."""
