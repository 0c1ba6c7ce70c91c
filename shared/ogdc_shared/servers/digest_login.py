"""Responses to servers that require HTTP Digest authentication; imported only after such a challenge.

urllib3 has none, and that of urllib.request has only MD5 and fails on users and passwords that are not ASCII.

Source: RFC 7616 sections 3.3 and 3.4.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING
from urllib.request import parse_http_list, parse_keqv_list

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHALLENGE = re.compile(r"(?:^|,)\s*digest\s+(.*)", re.IGNORECASE | re.DOTALL)
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_SESSION = "-SESS"


def digest_authorization(
    challenges: Iterable[str], method: str, target: str, login: tuple[str, str]
) -> str | None:
    """Return the Authorization header for the first challenge that is supported, or None.

    Args:
        challenges: The WWW-Authenticate headers of the response.
        method: Method of the request.
        target: Path and query of the request, as sent.
        login: User and password.
    """
    for challenge in challenges:
        if match := _CHALLENGE.search(challenge):
            given = _parameters(match[1])
            qops = {each.strip() for each in given.get("qop", "auth").split(",")}
            if _algorithm(given) in _HASHES and "auth" in qops and {"realm", "nonce"} <= given.keys():
                return _header(given, method, target, login)
    return None


def _parameters(text: str) -> dict[str, str]:
    parts = [part for part in parse_http_list(text) if "=" in part]
    return {key.lower(): value for key, value in parse_keqv_list(parts).items()}


def _algorithm(given: dict[str, str]) -> str:
    return given.get("algorithm", "MD5").upper().removesuffix(_SESSION)


def _header(given: dict[str, str], method: str, target: str, login: tuple[str, str]) -> str:
    def digest(*parts: str) -> str:
        return hashlib.new(
            _HASHES[_algorithm(given)], ":".join(parts).encode(), usedforsecurity=False
        ).hexdigest()

    (user, password), nonce, once = login, given["nonce"], secrets.token_hex(16)
    secret = digest(user, given["realm"], password)
    if given.get("algorithm", "").upper().endswith(_SESSION):
        secret = digest(secret, nonce, once)
    count = {"qop": "auth", "nc": "00000001"} if "qop" in given else {}
    between = (nonce, count["nc"], once, "auth") if count else (nonce,)
    sent = {"username": user, "realm": given["realm"], "nonce": nonce, "uri": target, "cnonce": once}
    sent["response"] = digest(secret, *between, digest(method, target))
    sent |= {"opaque": given["opaque"]} if "opaque" in given else {}
    count |= {"algorithm": given["algorithm"]} if "algorithm" in given else {}
    fields = [f'{key}="{_escaped(value)}"' for key, value in sent.items()]
    return f"Digest {', '.join(fields + [f'{key}={value}' for key, value in count.items()])}"


def _escaped(value: str) -> str:
    """Escape a quoted string; http.client sends characters as ISO 8859-1, so these are the bytes of UTF-8."""
    return re.sub(r'(["\\])', r"\\\1", value).encode().decode("latin-1")
