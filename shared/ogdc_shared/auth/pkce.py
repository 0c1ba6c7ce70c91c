"""Proof Key for Code Exchange (RFC 7636)."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple


class Proof(NamedTuple):
    """A secret of this login."""

    verifier: str

    @classmethod
    def new(cls) -> Proof:
        """Create a random one."""
        return cls(secrets.token_urlsafe(48))

    @property
    def challenge(self) -> dict[str, str]:
        """Return the parameters that are sent beforehand."""
        digest = urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        return {"code_challenge": digest, "code_challenge_method": "S256"}
