"""The table of issuers' public keys, which one process fetches for all others.

Whoever can write to it can become an admin, so it must be as well protected as the table of users.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ogdc_shared.auth.oidc.jwks import KeySet
from ogdc_shared.auth.oidc.key_cache import CachedKeys
from ogdc_shared.db.queries import load_queries

if TYPE_CHECKING:
    from ogdc_shared.db.database import Database
    from ogdc_shared.oidc_settings import TrustedIssuer


class DatabaseKeyCache:
    """The cached keys of one issuer, stored by issuer and URL so that changed settings find no old keys."""

    def __init__(self, database: Database, trusted: TrustedIssuer) -> None:
        """Store the arguments; nothing is read yet.

        Args:
            database: The database.
            trusted: The issuer.
        """
        self._database = database
        self._source = {"issuer": trusted.issuer, "keys_url": trusted.keys_url or ""}

    def load(self) -> CachedKeys | None:
        """Read the keys; None if none have been fetched."""
        with self._database.autocommit() as conn:
            row = conn.execute(_sql("select_keys"), self._source).fetchone()
        return CachedKeys(KeySet(row[0]), row[1]) if row else None

    def save(self, fetched: CachedKeys) -> None:
        """Store the keys unless there are newer ones."""
        known = {"document": json.dumps(fetched.keys.document), "age": fetched.age}
        with self._database.autocommit() as conn:
            conn.execute(_sql("upsert_keys"), self._source | known)


def _sql(name: str) -> bytes:
    return load_queries("issuer_keys")[name]
