"""Checking the claims of a token before its signature, and the permissions they grant.

This does no I/O and proves nothing: claims may be forged until the signature is verified.

Sources: RFC 7519 section 4.1 (registered claims), RFC 9068 sections 2 and 4 (access tokens as JWT), OpenID
Connect Core 1.0 section 2 (`azp`). Keycloak's access tokens have `typ: Bearer` among their claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ogdc_shared.oidc_settings import Grant, TrustedIssuer

CLOCK_SKEW = 30.0
"""Accepted difference of clocks, in seconds."""
_ACCESS_TOKEN = frozenset({"at+jwt", "application/at+jwt"})
_OTHER_KINDS = frozenset(
    {"id", "refresh", "offline", "logout", "registrationaccesstoken", "initialaccesstoken"}
)
"""Keycloak's types of tokens that are not meant for an API."""
_OF_ID_TOKENS = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
_MAX_SUBJECT = 255
_MAX_NAME = 128
_OF_THEIR_CHOICE = frozenset(
    {"preferred_username", "nickname", "name", "given_name", "middle_name", "family_name", "email"}
)
"""Claims that many issuers let their users fill in. Source: OpenID Connect Core 1.0 sections 5.1 and 5.7."""
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[0-9X])")


class RefusedTokenError(Exception):
    """A token that is not believed; says why, to the log."""


class NoSubjectError(RefusedTokenError):
    """A token that does not say whom it is about."""


def check_claims(
    claims: Mapping[str, Any], header: Mapping[str, Any], *, trusted: TrustedIssuer, now: float
) -> None:
    """Reject a token that has expired, or is meant for another audience or purpose.

    Args:
        claims: The token's claims; the issuer is known to be `trusted`.
        header: The token's header.
        trusted: The issuer.
        now: Seconds since 1970.

    Raises:
        RefusedTokenError: it is rejected.
    """
    _check_times(claims, now)
    _check_type(claims, header, untyped=trusted.untyped)
    _check_audience(claims, trusted.audience)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
        raise NoSubjectError("it has no `sub`" if subject is None else f"its `sub` is {subject!r:.300}")


def granted_roles(claims: Mapping[str, Any], grants: tuple[Grant, ...]) -> list[str]:
    """The roles that a token entitles to."""
    return [
        grant.role
        for grant in grants
        if all(_is_among(values_at(claims, path), wanted) for path, wanted in grant.claims.items())
    ]


def shown_name(claims: Mapping[str, Any], name_claims: tuple[str, ...]) -> str:
    """How to show whom a token is about; an ORCID iD in the form that ORCID wants.

    Whoever calls themselves by an ORCID iD is not shown so: it may be another's.
    """
    for claim in name_claims:
        name = claims.get(claim)
        if isinstance(name, str) and (printable := "".join(c for c in name if c.isprintable()).strip()):
            orcid = _ORCID.fullmatch(printable)
            if orcid and claim in _OF_THEIR_CHOICE:
                continue
            return f"https://orcid.org/{orcid[1]}" if orcid else printable[:_MAX_NAME]
    return str(claims["sub"])[:_MAX_NAME]


def values_at(claims: Mapping[str, Any], path: str) -> list[str]:
    """The texts at a claim, or at the end of a path of objects; `scope` is a list of words.

    Source: RFC 8693 section 4.2 (scope).
    """
    found: Any = claims
    for part in [path] if path in claims else path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return found.split() if path in {"scope", "scp"} else [found]
    if isinstance(found, list):
        return [each for each in found if isinstance(each, str)]
    return []


def _is_among(values: list[str], wanted: str | tuple[str, ...]) -> bool:
    patterns = (wanted,) if isinstance(wanted, str) else wanted
    return any(_is_like(value, each) for value in values for each in patterns)


def _is_like(value: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    ends, begun = _time(claims, "exp"), _time(claims, "iat")
    if ends <= now - CLOCK_SKEW:
        raise RefusedTokenError(f"it expired {now - ends:.0f} s ago")
    starts = max(begun, _time(claims, "nbf") if "nbf" in claims else begun)
    if starts > now + CLOCK_SKEW:
        raise RefusedTokenError(f"it is not valid yet: it begins in {starts - now:.0f} s")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise RefusedTokenError(f"its `{name}` is {value!r:.100}")
    return float(value)


def _check_type(claims: Mapping[str, Any], header: Mapping[str, Any], *, untyped: bool) -> None:
    of_header, of_claims = str(header.get("typ", "")).lower(), str(claims.get("typ", "")).lower()
    is_marked = of_header in _ACCESS_TOKEN or of_claims == "bearer"
    if of_claims in _OTHER_KINDS or (not is_marked and not untyped):
        raise RefusedTokenError(
            f"it is not an access token: `typ` is {of_header!r:.40} in its header, "
            f"{of_claims!r:.40} among its claims"
        )
    if not is_marked and (marks := _OF_ID_TOKENS & claims.keys()):
        raise RefusedTokenError(f"it is an ID token: it has {sorted(marks)}")


def _check_audience(claims: Mapping[str, Any], ours: tuple[str, ...]) -> None:
    audience = claims.get("aud")
    if audience in (None, [], ""):
        audience = claims.get("azp")
    meant = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(each, str) and each in ours for each in meant):
        raise RefusedTokenError(f"its audience is {audience!r:.300}, not one of {list(ours)}")
