"""The keys of issuers that a deployment's processes share."""

from __future__ import annotations

import pytest

from ogdc_shared.auth.oidc.jwks import KeyId, KeySet
from ogdc_shared.auth.oidc.key_cache import CachedKeys
from ogdc_shared.db.database import Database
from ogdc_shared.db.issuer_keys import DatabaseKeyCache
from ogdc_shared.oidc_settings import TrustedIssuer
from support.issuer import Key

ISSUER = TrustedIssuer("https://login.example.org", ("ogdc",))
FIRST, SECOND = (Key.new(kid, "EdDSA") for kid in ("first", "second"))


def fetched(*keys: Key, age: float) -> CachedKeys:
    return CachedKeys(KeySet({"keys": [key.jwk() for key in keys]}), age)


@pytest.fixture
def cache(database: Database) -> DatabaseKeyCache:
    return DatabaseKeyCache(database, ISSUER)


def known(cache: DatabaseKeyCache) -> list[Key]:
    cached = cache.load()
    return [key for key in (FIRST, SECOND) if cached and KeyId(key.kid, "EdDSA") in cached.keys]


def test_stored_keys_are_read_by_others_with_their_age(database: Database, cache: DatabaseKeyCache):
    assert cache.load() is None
    cache.save(fetched(FIRST, age=100))
    cached = DatabaseKeyCache(database, ISSUER).load()
    assert cached is not None
    assert cached.age >= 100
    token = FIRST.signed({"sub": "ada"})
    assert cached.keys.verify(token, KeyId("first", "EdDSA")) == b'{"sub": "ada"}'


def test_older_keys_do_not_replace_newer_ones(cache: DatabaseKeyCache):
    cache.save(fetched(SECOND, age=0))
    cache.save(fetched(FIRST, age=3600))
    assert known(cache) == [SECOND]
    cache.save(fetched(FIRST, SECOND, age=0))
    assert known(cache) == [FIRST, SECOND]


def test_keys_with_a_time_in_the_future_are_replaced(cache: DatabaseKeyCache):
    cache.save(fetched(SECOND, age=-86_400))
    cache.save(fetched(FIRST, age=0))
    assert known(cache) == [FIRST]


def test_keys_are_stored_by_issuer_and_location(database: Database, cache: DatabaseKeyCache):
    cache.save(fetched(FIRST, age=0))
    for other in (
        TrustedIssuer("https://login.example.org/", ("ogdc",)),
        TrustedIssuer(ISSUER.issuer, ("ogdc",), keys_url="https://keys.example.org"),
        TrustedIssuer("https://other.example.org", ("ogdc",), keys_url=ISSUER.issuer),
    ):
        assert DatabaseKeyCache(database, other).load() is None
