"""The format of API tokens: `ogdc_`, 32 random bytes and a checksum, in base 62.

The prefix and the checksum let secret scanners recognize tokens, and let a service reject mistyped ones
without a database query. Only the SHA-256 of a token is stored: with this much randomness no slow hash is
needed.
"""

from __future__ import annotations

import secrets
from binascii import crc32
from hashlib import sha256

PREFIX = "ogdc_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BYTES = 32
_RANDOM, _CHECK = 43, 6
"""Digits that 2^256 and 2^32 take."""


def new_token() -> str:
    """Create a random token."""
    random = _base62(int.from_bytes(secrets.token_bytes(_BYTES)), digits=_RANDOM)
    return PREFIX + random + _checksum(random)


def is_token(text: str) -> bool:
    """Whether a text has a token's form and the checksum that it must have."""
    random, check = text[len(PREFIX) : -_CHECK], text[-_CHECK:]
    is_formed = text.startswith(PREFIX) and text.isascii() and len(random) == _RANDOM
    return is_formed and check == _checksum(random)


def token_hash(token: str) -> bytes:
    """Return the SHA-256 of a token, which is what is stored."""
    return sha256(token.encode()).digest()


def _checksum(random: str) -> str:
    return _base62(crc32(random.encode()), digits=_CHECK)


def _base62(number: int, *, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
