"""What a token's claims have to be, and what they entitle to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.auth.oidc.claims import (
    CLOCK_SKEW,
    NoSubjectError,
    RefusedTokenError,
    check_claims,
    granted_roles,
    shown_name,
    values_at,
)
from ogdc_shared.oidc_settings import Grant, TrustedIssuer

NOW = 1_800_000_000.0
TRUSTED = TrustedIssuer(issuer="https://issuer.example.org", audience=("ogdc", "ogdc-cli"))
VALID = {"sub": "ada", "aud": "ogdc", "iat": NOW - 10, "exp": NOW + 10}
AT_JWT = {"alg": "RS256", "typ": "at+jwt"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def check(claims: dict[str, Any], header: dict[str, Any] = AT_JWT, trusted: TrustedIssuer = TRUSTED) -> None:
    check_claims(
        {name: each for name, each in claims.items() if each != "none"}, header, trusted=trusted, now=NOW
    )


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["other", "ogdc"]},
        {"aud": "none", "azp": "ogdc-cli"},
        {"aud": [], "azp": "ogdc"},
        {"aud": None, "azp": "ogdc"},
        {"exp": NOW - CLOCK_SKEW + 1},
        {"iat": NOW + CLOCK_SKEW - 1},
        {"iat": NOW - 0.5, "nbf": NOW + CLOCK_SKEW - 1},
    ],
    ids=str,
)
def test_valid_claims_are_accepted(claims: dict[str, Any]):
    check(VALID | claims)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - CLOCK_SKEW}, "expired 30 s ago"),
        ({"exp": "none"}, "`exp` is None"),
        ({"exp": "tomorrow"}, "`exp` is 'tomorrow'"),
        ({"exp": True}, "`exp` is True"),
        ({"exp": float("nan")}, "`exp` is nan"),
        ({"exp": float("inf")}, "`exp` is inf"),
        ({"iat": "none"}, "`iat` is None"),
        ({"iat": NOW + CLOCK_SKEW + 1}, "not valid yet"),
        ({"nbf": NOW + CLOCK_SKEW + 1}, "not valid yet"),
        ({"nbf": "later"}, "`nbf` is 'later'"),
        ({"aud": "other"}, "its audience is 'other'"),
        ({"aud": "other", "azp": "ogdc"}, "its audience is 'other'"),
        ({"aud": "none"}, "its audience is None"),
        ({"aud": "none", "azp": "other"}, "its audience is 'other'"),
        ({"aud": {"ogdc": 1}}, "its audience is"),
        ({"aud": "ogdc "}, "its audience is"),
        ({"typ": "ID"}, "not an access token"),
        ({"typ": "Refresh"}, "not an access token"),
    ],
    ids=str,
)
def test_invalid_claims_are_refused_with_the_reason(claims: dict[str, Any], reason: str):
    with pytest.raises(RefusedTokenError, match=reason):
        check(VALID | claims)


@pytest.mark.parametrize("subject", ["none", None, "", "a\x00b", "\ud800", 7, "x" * 256, ["ada"]], ids=repr)
def test_claims_without_a_usable_subject_are_refused(subject: object):
    with pytest.raises(NoSubjectError):
        check(VALID | {"sub": subject})


class TestType:
    @pytest.mark.parametrize(
        ("header", "claims"),
        [
            ({"typ": "at+jwt"}, {}),
            ({"typ": "AT+JWT"}, {}),
            ({"typ": "application/at+jwt"}, {}),
            ({"typ": "JWT"}, {"typ": "Bearer"}),
            ({}, {"typ": "Bearer"}),
        ],
        ids=str,
    )
    def test_access_tokens_are_accepted(self, header: dict[str, Any], claims: dict[str, Any]):
        check(VALID | claims, header)

    @pytest.mark.parametrize("header", [{}, {"typ": "JWT"}, {"typ": "Bearer"}, {"typ": ["at+jwt"]}], ids=str)
    @pytest.mark.parametrize("claims", [{}, {"typ": "at+jwt"}, {"typ": None}, {"nonce": "n"}], ids=str)
    def test_other_tokens_are_rejected(self, header: dict[str, Any], claims: dict[str, Any]):
        with pytest.raises(RefusedTokenError, match="not an access token"):
            check(VALID | claims, header)

    def test_need_not_be_said_where_an_issuer_makes_no_others(self):
        untyped = TrustedIssuer(issuer="https://issuer.example.org", audience=("ogdc",), untyped=True)
        check(VALID, {"typ": "JWT"}, untyped)
        with pytest.raises(RefusedTokenError, match="ID token"):
            check(VALID | {"nonce": "n"}, {"typ": "JWT"}, untyped)
        with pytest.raises(RefusedTokenError, match="not an access token"):
            check(VALID | {"typ": "ID"}, {"typ": "JWT"}, untyped)


@given(
    st.dictionaries(st.sampled_from(["sub", "aud", "azp", "iat", "exp", "nbf", "typ", "orcid"]), JSON), JSON
)
def test_any_claims_are_accepted_or_rejected(claims: dict[str, Any], typ: object):
    try:
        check_claims(claims, {"typ": typ}, trusted=TRUSTED, now=NOW)
    except RefusedTokenError:
        return
    assert shown_name(claims, TRUSTED.name_claims)


class TestRoles:
    @pytest.mark.parametrize(
        ("claims", "wanted"),
        [
            ({"scope": "openid ogdc:submit"}, {"scope": "ogdc:submit"}),
            ({"scp": ["ogdc:submit"]}, {"scp": "ogdc:submit"}),
            ({"realm_access": {"roles": ["a", "b"]}}, {"realm_access.roles": "b"}),
            ({"https://example.org/roles": ["b"]}, {"https://example.org/roles": "b"}),
            ({"ref": "refs/tags/v1"}, {"ref": ("refs/heads/main", "refs/tags/*")}),
            ({"a": "1", "b": "2"}, {"a": "1", "b": "2"}),
        ],
        ids=str,
    )
    def test_a_role_is_granted_if_all_claims_match(self, claims: dict[str, Any], wanted: dict[str, Any]):
        assert granted_roles(claims, (Grant(role="submitter", claims=wanted),)) == ["submitter"]

    @pytest.mark.parametrize(
        ("claims", "wanted"),
        [
            ({"scope": "openid ogdc:submitter"}, {"scope": "ogdc:submit"}),
            ({"scope": "openid"}, {"scope": "openid ogdc:submit"}),
            ({"name": "x ogdc:submit"}, {"name": "ogdc:submit"}),
            ({"realm_access": {"roles": "abc"}}, {"realm_access.roles": "b"}),
            ({"realm_access": ["roles"]}, {"realm_access.roles": "roles"}),
            ({"ref": ["refs/heads/main-2"]}, {"ref": "refs/heads/main"}),
            ({"a": "1"}, {"a": "1", "b": "2"}),
            ({"repository": 1}, {"repository": "1"}),
            ({}, {"ref": "*"}),
        ],
        ids=str,
    )
    def test_a_role_is_not_granted_if_a_claim_differs(self, claims: dict[str, Any], wanted: dict[str, Any]):
        assert granted_roles(claims, (Grant(role="submitter", claims=wanted),)) == []

    def test_a_claim_that_is_not_a_string_has_no_values(self):
        assert values_at({"n": 3, "l": [1, "x"], "o": {}}, "n") == []
        assert values_at({"l": [1, "x"]}, "l") == ["x"]


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"orcid": "0000-0002-1825-0097"}, "https://orcid.org/0000-0002-1825-0097"),
        ({"orcid": "http://orcid.org/0000-0002-1694-233X"}, "https://orcid.org/0000-0002-1694-233X"),
        ({"orcid": "", "preferred_username": "ada"}, "ada"),
        ({"orcid": 7, "preferred_username": "a\x1b[31m\nb"}, "a[31mb"),
        ({"preferred_username": "0000-0002-1825-0097"}, "1234"),
        ({"preferred_username": "https://orcid.org/0000-0002-1825-0097\u200b"}, "1234"),
        ({}, "1234"),
        ({"preferred_username": "x" * 200}, "x" * 128),
    ],
    ids=str,
)
def test_name(claims: dict[str, Any], name: str):
    assert shown_name({"sub": "1234"} | claims, TRUSTED.name_claims) == name
