"""Parsing an issuer's published keys, and the algorithms each may verify.

Source: RFC 7517 (JWK), RFC 7518 section 6, RFC 8037; RFC 8725 section 3.1 (the verifier chooses algorithms,
and each key is for one).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_KEY_TYPES: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Algorithm → type and curve of its keys. There is no HS256: with it, who can verify could sign."""
ALGORITHMS = frozenset(_KEY_TYPES)
MAX_KEYS = 100
_MIN_RSA_DIGITS = 342
"""Base64 digits of a modulus of 2048 bits."""


class KeyId(NamedTuple):
    """How a token names the key that it is signed with."""

    kid: str | None
    algorithm: str


class KeySet:
    """Keys of one issuer, by id and algorithm.

    Attributes:
        document: What makes the same of them again.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the keys of a JWKS document that can verify signatures, and skip all others.

        Raises:
            ValueError: it is not a JWKS document.
        """
        keys = document.get("keys")
        if not isinstance(keys, list):
            raise ValueError("it has no list `keys`")  # noqa: TRY004  # of what was sent to us
        self._keys: dict[KeyId, Mapping[str, Any]] = {}
        usable = [key for key in keys[:MAX_KEYS] if _algorithms(key)]
        self.document = {"keys": usable}
        for key in usable:
            for algorithm in _algorithms(key):
                self._keys.setdefault(KeyId(key.get("kid"), algorithm), key)
        self._made: dict[KeyId, Any] = {}

    def __contains__(self, wanted: KeyId) -> bool:
        return self._resolved(wanted) in self._keys

    def verify(self, token: str, wanted: KeyId) -> bytes:
        """Return what a token holds, once its signature is verified with one of the keys.

        Raises:
            KeyError: there is no such key.
            jwt.InvalidTokenError: the signature is another's, or the key cannot be used.
        """
        from jwt.api_jws import PyJWS

        key = self._key(self._resolved(wanted))
        verified: bytes = PyJWS().decode_complete(token, key, algorithms=[wanted.algorithm])["payload"]
        return verified

    def _key(self, known: KeyId) -> Any:
        """The key in the form that verifies; to make it takes longer than to verify."""
        if known not in self._made:
            from jwt import PyJWK

            self._made[known] = PyJWK({**self._keys[known]}, algorithm=known.algorithm)
        return self._made[known]

    def _resolved(self, wanted: KeyId) -> KeyId:
        """Return the key for a token that names none: the only one for its algorithm."""
        if wanted.kid is None:
            fitting = [each for each in self._keys if each.algorithm == wanted.algorithm]
            if len(fitting) == 1:
                return fitting[0]
        return wanted


def _algorithms(key: object) -> list[str]:
    """Return the algorithms that a key can verify; empty if it cannot be used."""
    if not isinstance(key, Mapping) or not isinstance(key.get("kid"), str | None):
        return []
    if key.get("use", "sig") != "sig" or "verify" not in key.get("key_ops", ["verify"]):
        return []
    if key.get("kty") == "RSA" and len(str(key.get("n", ""))) < _MIN_RSA_DIGITS:
        return []
    return [
        algorithm
        for algorithm, (kind, curve) in _KEY_TYPES.items()
        if key.get("kty") == kind and key.get("crv") == curve and key.get("alg", algorithm) == algorithm
    ]
