"""Tokens as attackers and honest mistakes make them: one form is believed, all others are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ogdc_shared.auth.oidc.issuers import MAX_TOKEN, Identity, Issuers
from ogdc_shared.auth.permissions import Role
from ogdc_shared.errors import ForbiddenError, UnauthenticatedError, UnavailableError
from ogdc_shared.oidc_settings import Grant, OidcSettings, TrustedIssuer
from support.http import Answer, FileServer
from support.issuer import Issuer, Key


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as running:
        yield running


@pytest.fixture
def issuers(issuer: Issuer) -> Issuers:
    return trusting(OidcSettings(issuer=issuer.url))


def trusting(settings: OidcSettings) -> Issuers:
    return Issuers(settings.trusted(), patience=300)


def identify(issuers: Issuers, token: str) -> Identity:
    return issuers.identify(token, now=time.time())


def assert_refused(issuers: Issuers, token: str) -> None:
    """With the same words whatever is wrong, and without the token in any."""
    with pytest.raises(UnauthenticatedError) as caught:
        identify(issuers, token)
    assert caught.value.error == "invalid_token"
    assert str(caught.value).startswith("This token is not valid here")


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def hmac_signed(claims: dict[str, Any], secret: bytes, **header: Any) -> str:
    signed = f"{encoded({'alg': 'HS256', 'typ': 'at+jwt'} | header)}.{encoded(claims)}"
    digest = hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


class TestBelieved:
    @pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
    def test_tokens_of_each_algorithm_are_accepted(self, issuer: Issuer, issuers: Issuers, algorithm: str):
        issuer.keys = [Key.new("a", algorithm)]
        assert identify(issuers, issuer.token()) == Identity(issuer.url, "ada", "ada", None)

    def test_tokens_as_issued_by_dataone_are_accepted(self, issuer: Issuer, issuers: Issuers):
        """No audience, the party instead, roles as scopes, the ORCID iD in a claim of its own."""
        token = issuer.token(
            aud=None,
            azp="ogdc",
            sub="4be1b0d9-52a1-4f4f-a0fa-60f9f5e8c9b4",
            scope="openid profile email vegbank:contributor ogdc:admin",
            orcid="0000-0002-1825-0097",
            preferred_username="alovelace",
        )
        assert identify(issuers, token) == Identity(
            issuer.url,
            "4be1b0d9-52a1-4f4f-a0fa-60f9f5e8c9b4",
            "https://orcid.org/0000-0002-1825-0097",
            Role.ADMIN,
        )

    def test_a_token_without_kid_matches_the_only_key_of_its_algorithm(
        self, issuer: Issuer, issuers: Issuers
    ):
        issuer.keys = [Key.new(None), Key.new("e", "ES256")]
        assert identify(issuers, issuer.token()).subject == "ada"

    def test_the_widest_role_counts(self, issuer: Issuer, issuers: Issuers):
        assert identify(issuers, issuer.token(scope="ogdc:submit ogdc:admin")).role == Role.ADMIN
        assert identify(issuers, issuer.token(scope="ogdc:submit ogdc:view")).role == Role.SUBMITTER

    def test_unusable_keys_are_skipped(self, issuer: Issuer, issuers: Issuers):
        small = Key.new("small").jwk(n="AQAB")
        odd = [7, {}, {"kty": "oct", "k": "c2VjcmV0", "kid": "first"}, small, Key.new("enc").jwk(use="enc")]
        issuer.published = [*odd, issuer.keys[0].jwk(key_ops=["verify"])]
        assert identify(issuers, issuer.token()).subject == "ada"


class TestRefused:
    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": 1},
            {"exp": None},
            {"iat": None},
            {"iat": 32503680000},
            {"aud": "other"},
            {"aud": None},
            {"typ": "ID"},
            {"typ": None},
            {"typ": "Refresh"},
            {"iss": "https://elsewhere.example.org"},
            {"iss": None},
            {"iss": ["x"]},
        ],
        ids=str,
    )
    def test_tokens_with_invalid_claims_are_rejected(
        self, issuer: Issuer, issuers: Issuers, claims: dict[str, Any]
    ):
        assert_refused(issuers, issuer.token(**claims))

    def test_an_issuer_with_a_trailing_slash_is_rejected(self, issuer: Issuer, issuers: Issuers):
        assert_refused(issuers, issuer.token(iss=f"{issuer.url}/"))

    def test_the_response_does_not_reveal_the_reason(self, issuer: Issuer, issuers: Issuers):
        with pytest.raises(UnauthenticatedError, match=r"no `sub`.*`basic`"):
            identify(issuers, issuer.token(sub=None))

    def test_a_token_of_another_key_with_the_same_id_is_rejected(self, issuer: Issuer, issuers: Issuers):
        """By another key of the same name."""
        assert_refused(issuers, Key.new("first").signed(issuer.claims()))

    def test_a_changed_token_is_rejected(self, issuer: Issuer, issuers: Issuers):
        head, _, signature = issuer.token().split(".")
        assert_refused(issuers, f"{head}.{encoded(issuer.claims(scope='ogdc:admin'))}.{signature}")

    def test_a_token_without_a_signature_is_rejected(self, issuer: Issuer, issuers: Issuers):
        for algorithm in ("none", "None", "NONE", "", None, 7):
            header = encoded({"alg": algorithm, "typ": "at+jwt", "kid": "first"})
            assert_refused(issuers, f"{header}.{encoded(issuer.claims())}.")
        head, claims, _ = issuer.token().split(".")
        assert_refused(issuers, f"{head}.{claims}.")

    def test_a_token_signed_with_the_public_key_as_secret_is_rejected(self, issuer: Issuer, issuers: Issuers):
        public = issuer.keys[0].private.public_key()
        for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
            secret = public.public_bytes(Encoding.PEM, form)
            assert_refused(issuers, hmac_signed(issuer.claims(), secret, kid="first"))
            assert_refused(issuers, hmac_signed(issuer.claims(), secret.strip(), kid="first"))

    def test_a_token_signed_with_a_published_secret_is_rejected(self, issuer: Issuer, issuers: Issuers):
        """A symmetric key among the published ones, as by a mistake."""
        key = {"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("="), "kid": "s"}
        issuer.published = [issuer.keys[0].jwk(), key, key | {"alg": "HS256", "kid": "t"}]
        for kid in ("s", "t"):
            assert_refused(issuers, hmac_signed(issuer.claims(), b"s" * 32, kid=kid))

    def test_a_key_does_not_verify_another_algorithm(self, issuer: Issuer, issuers: Issuers):
        """RS256's key must not verify PS256, where it is said to be for one of them."""
        first = issuer.keys[0]
        assert_refused(issuers, Key("first", "PS256", first.private).signed(issuer.claims()))

    def test_a_key_inside_the_token_is_ignored(self, issuer: Issuer, issuers: Issuers, tmp_path: Path):
        """`jwk`, `jku` and `x5u` of a header lead nowhere, and nobody is asked."""
        evil = Key.new("evil")
        with FileServer(tmp_path) as elsewhere:
            elsewhere.routes["/jwks"] = lambda _: Answer(body=json.dumps({"keys": [evil.jwk()]}).encode())
            for header in (
                {"jwk": evil.jwk()},
                {"jku": f"{elsewhere.url}/jwks"},
                {"x5u": f"{elsewhere.url}/jwks"},
                {"x5c": ["AAAA"]},
            ):
                assert_refused(issuers, evil.signed(issuer.claims(), **header))
            assert elsewhere.requests == []

    @pytest.mark.parametrize(
        "kid",
        [
            "other",
            "../../etc/passwd",
            "file:///dev/null",
            "first' OR '1'='1",
            "http://127.0.0.1/",
            "x" * 256,
            "",
        ],
    )
    def test_key_of_an_odd_name(self, issuer: Issuer, issuers: Issuers, kid: str):
        assert_refused(issuers, Key(kid, *issuer.keys[0][1:]).signed(issuer.claims()))

    def test_a_kid_that_is_not_a_string_is_rejected(self, issuer: Issuer, issuers: Issuers):
        _, claims, signature = issuer.token().split(".")
        for kid in (7, ["first"], {"a": 1}):
            assert_refused(issuers, f"{encoded({'alg': 'RS256', 'kid': kid})}.{claims}.{signature}")

    def test_unsupported_critical_headers_are_rejected(self, issuer: Issuer, issuers: Issuers):
        _, claims, signature = issuer.token().split(".")
        for header in ({"crit": ["b64"], "b64": False}, {"crit": ["exp"], "exp": 1}):
            assert_refused(
                issuers, f"{encoded(header | {'alg': 'RS256', 'kid': 'first'})}.{claims}.{signature}"
            )

    def test_a_token_that_is_too_long_is_rejected(self, issuer: Issuer, issuers: Issuers):
        token = issuer.token(more="x" * 20_000)
        assert len(token) > MAX_TOKEN
        assert_refused(issuers, token)

    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "é.é.é",
            "e30.e30.",
            "bnVsbA.bnVsbA.bnVsbA",
            "[[[[.[[[[.",
            "W10.W10.W10",
        ],
    )
    def test_what_is_no_token(self, issuers: Issuers, token: str):
        assert_refused(issuers, token)

    def test_a_deeply_nested_token_is_rejected(self, issuers: Issuers):
        deep = base64.urlsafe_b64encode(b"[" * 8000).decode().rstrip("=")
        assert_refused(issuers, f"{deep}.e30.")

    def test_expired_tokens_cause_no_fetch(self, issuer: Issuer, issuers: Issuers):
        assert_refused(issuers, issuer.token(exp=1))
        assert issuer.requests == []

    def test_the_log_says_why_and_has_no_token(
        self, issuer: Issuer, issuers: Issuers, caplog: pytest.LogCaptureFixture
    ):
        caplog.set_level(logging.DEBUG)
        token = issuer.token(aud="other")
        assert_refused(issuers, token)
        assert "its audience is 'other', not one of ['ogdc']" in caplog.text
        assert not [part for part in token.split(".") if part in caplog.text]


class TestIssuers:
    def test_tokens_of_two_issuers_are_distinguished(self, issuer: Issuer):
        with Issuer(Key.new("first")) as github:
            main = "refs/heads/main"
            grant = Grant(role="submitter", claims={"repository": "org/data", "ref": main})
            other = TrustedIssuer(
                issuer=github.url,
                audience=("https://ogdc.example.org",),
                grants=(grant,),
                name_claims=("repository",),
                untyped=True,
            )
            issuers = trusting(OidcSettings(issuer=issuer.url, others=(other,)))
            job = {"typ": None, "aud": "https://ogdc.example.org", "repository": "org/data", "ref": main}
            job["sub"] = "repo:org/data:ref:refs/heads/main"

            assert identify(issuers, issuer.token()).role is None
            assert identify(issuers, github.token(**job)) == Identity(
                github.url, job["sub"], "org/data", Role.SUBMITTER
            )
            for change in ({"repository": "org/other"}, {"ref": "refs/heads/x"}, {"repository": None}):
                with pytest.raises(ForbiddenError, match="has no role in this deployment"):
                    identify(issuers, github.token(**job | change))
            assert_refused(issuers, github.token(**job | {"aud": "ogdc"}))
            # One issuer's key proves nothing about the other's users.
            assert_refused(issuers, github.keys[0].signed(issuer.claims()))
            assert_refused(issuers, issuer.keys[0].signed(github.claims(**job)))

    def test_a_sender_of_events_is_not_a_user(self, issuer: Issuer):
        grant = Grant(role="source", claims={"sub": "system:serviceaccount:ogdc:*"})
        cluster = TrustedIssuer(issuer=issuer.url, audience=("ogdc-events",), grants=(grant,), untyped=True)
        issuers = trusting(OidcSettings(others=(cluster,)))
        sender = {"typ": None, "aud": ["ogdc-events"], "sub": "system:serviceaccount:ogdc:workflows"}

        issuers.check_sender(issuer.token(**sender), now=time.time())
        with pytest.raises(ForbiddenError):
            identify(issuers, issuer.token(**sender))
        elsewhere = sender | {"sub": "system:serviceaccount:other:workflows"}
        with pytest.raises(ForbiddenError):
            issuers.check_sender(issuer.token(**elsewhere), now=time.time())
        with pytest.raises(UnauthenticatedError):
            issuers.check_sender(issuer.token(**sender | {"aud": "ogdc"}), now=time.time())

    def test_without_issuers_all_tokens_are_rejected(self, issuer: Issuer):
        assert_refused(Issuers(()), issuer.token())

    def test_an_issuer_that_is_away_makes_logins_unavailable(self, issuer: Issuer, issuers: Issuers):
        issuer.away = True
        with pytest.raises(UnavailableError):
            identify(issuers, issuer.token())

    @pytest.mark.parametrize(
        "metadata",
        [
            {"issuer": "https://elsewhere.example.org"},
            {"jwks_uri": None},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
            {"jwks_uri": "http://localhost:9/jwks"},
            {"jwks_uri": 7},
        ],
        ids=str,
    )
    def test_metadata_with_wrong_values_are_rejected(
        self, issuer: Issuer, issuers: Issuers, metadata: dict[str, Any]
    ):
        issuer.metadata = metadata
        with pytest.raises(UnavailableError):
            identify(issuers, issuer.token())
        assert issuer.asked("/jwks") == 0

    def test_redirects_are_not_followed(self, issuer: Issuer, issuers: Issuers):
        issuer.routes["/jwks"] = lambda _: Answer(status=302, headers={"Location": f"{issuer.url}/elsewhere"})
        with pytest.raises(UnavailableError):
            identify(issuers, issuer.token())
        assert issuer.asked("/elsewhere") == 0

    def test_an_endless_document_is_rejected(self, issuer: Issuer, issuers: Issuers):
        issuer.routes["/jwks"] = lambda _: Answer(body=b" " * (2 << 20) + b'{"keys": []}')
        with pytest.raises(UnavailableError):
            identify(issuers, issuer.token())

    def test_tokens_of_an_issuer_without_keys_are_rejected(self, issuer: Issuer, issuers: Issuers):
        issuer.published = []
        assert_refused(issuers, issuer.token())
