"""An issuer with keys that the test has: its published documents, and valid and invalid tokens.

::

    with Issuer() as issuer:
        token = issuer.token(scope="ogdc:admin")    # RS256, valid, but for what is said
        issuer.keys = [Key.new("next")]             # published from now on; the first one signs
        issuer.away = True                          # answers 503
        assert issuer.asked("/jwks") == 1
"""

from __future__ import annotations

import json
import os
import time
from functools import cache
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.api_jws import PyJWS

from support.http import Answer, FileServer, Request


@cache
def _rsa_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


_TURNS = cycle(range(1, 3))
"""Numbers of RSA keys, which are reused since creating one takes long. Two in a row differ."""
_MAKERS: dict[str, Any] = {
    "RS256": (lambda: _rsa_key(next(_TURNS)), RSAAlgorithm),
    "PS256": (lambda: _rsa_key(next(_TURNS)), RSAAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
}


class Key(NamedTuple):
    """A key pair."""

    kid: str | None
    algorithm: str
    private: Any

    @classmethod
    def new(cls, kid: str | None = "first", algorithm: str = "RS256") -> Key:
        return cls(kid, algorithm, _MAKERS[algorithm][0]())

    def jwk(self, **more: Any) -> dict[str, Any]:
        """The public part."""
        _, made_by = _MAKERS[self.algorithm]
        described: dict[str, Any] = made_by.to_jwk(self.private.public_key(), as_dict=True)
        described.pop("key_ops", None)
        named = {} if self.kid is None else {"kid": self.kid}
        return described | named | {"alg": self.algorithm, "use": "sig"} | more

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        named = {} if self.kid is None else {"kid": self.kid}
        content = json.dumps(claims).encode()
        return PyJWS().encode(content, self.private, algorithm=self.algorithm, headers=named | header)


_SPARE: list[Key] = []
"""Keys of issuers that have ended, for reuse; no two running issuers share one."""


def _key_of_an_issuer() -> Key:
    return Key("first", "RS256", rsa.generate_private_key(65537, 2048))


class Issuer(FileServer):
    """Listens on this machine from `__enter__` to `__exit__`.

    Attributes:
        keys: Those that are published, and hold no secret from the test; the first one signs.
        published: Instead of them; None: `keys`.
        away: Whether every request is answered with 503.
    """

    def __init__(self, *keys: Key) -> None:
        super().__init__(Path(os.devnull))
        self._lent = None if keys else _SPARE.pop() if _SPARE else _key_of_an_issuer()
        self.keys = [self._lent] if self._lent else list(keys)
        self.published: list[Any] | None = None
        self.away = False
        self.metadata: dict[str, Any] = {}
        self.routes = {"/.well-known/openid-configuration": self._discovery, "/jwks": self._jwks}

    def __enter__(self) -> Issuer:
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        super().__exit__(kind, exc, tb)
        if self._lent:
            _SPARE.append(self._lent)

    def claims(self, **more: Any) -> dict[str, Any]:
        """Return the claims of a valid token, without those that are None."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": "ada", "aud": "ogdc", "iat": now, "exp": now + 3600, "typ": "Bearer"}
        return {name: value for name, value in (usual | more).items() if value is not None}

    def token(self, **claims: Any) -> str:
        """Return a token signed with the first key."""
        return self.keys[0].signed(self.claims(**claims))

    def asked(self, path: str) -> int:
        """Return how often a path was requested."""
        return self.paths().count(path)

    def _discovery(self, _request: Request) -> Answer:
        return self._answer({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"} | self.metadata)

    def _jwks(self, request: Request) -> Answer:
        if "application/jwk-set+json" not in request.headers.get("Accept", ""):
            return Answer(status=406)  # as the Kubernetes API does
        described = [key.jwk() for key in self.keys] if self.published is None else self.published
        return self._answer({"keys": described})

    def _answer(self, document: Any) -> Answer:
        return Answer(status=503) if self.away else Answer(body=json.dumps(document).encode())
