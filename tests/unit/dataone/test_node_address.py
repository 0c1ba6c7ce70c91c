"""Where a token may go, whom it names, and where what is published stays."""

from __future__ import annotations

import pytest

from ogdc_shared.dataone.node_address import checked_url, is_metacat, is_production, landing_page
from ogdc_shared.dataone.token import Token, read_token
from ogdc_shared.errors import InvalidRequestError, TokenExpiredError, UnauthenticatedError
from ogdc_shared.publication.node_access import writers_at
from support.publications import ORCID

ADC = "https://arcticdata.io/metacat/d1/mn"
KNB = "https://knb.ecoinformatics.org/knb/d1/mn"
CURATORS = "CN=arctic-data-admins,DC=dataone,DC=org"
ADA = f"http://orcid.org/{ORCID}"


@pytest.mark.parametrize(
    "url",
    [
        "http://arcticdata.io/metacat/d1/mn",
        "http://127.0.0.1.example.org/mn",
        "https://me:secret@arcticdata.io/mn",
        "https://arcticdata.io/mn?a=b",
        "https://arcticdata.io/mn#a",
        "https://arcticdata.io\\@example.org/mn",
        "https://arctic data.io/mn",
        "https://arcticdata.io/mn\r\nX: y",
        "https:///mn",
        "https://[::1/mn",
        "https://arcticdata.io:port/mn",
        "ftp://arcticdata.io/mn",
        "arcticdata.io",
        "",
    ],
)
def test_unsafe_node_addresses_are_rejected(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a member node that a token may be sent to"):
        checked_url(url)


@pytest.mark.parametrize("url", [ADC, "http://127.0.0.1:8080/mn", "http://[::1]:1/mn", "http://localhost/mn"])
def test_safe_node_addresses_are_accepted(url: str) -> None:
    assert checked_url(f"{url}/") == url


def test_only_test_nodes_are_not_permanent() -> None:
    production = [ADC, "https://knb.ecoinformatics.org/mn", "https://latest.org/mn", "https://devon.edu/mn"]
    tests = [
        "https://test.arcticdata.io/mn",
        "https://mn-sandbox-1.test.dataone.org/mn",
        "http://localhost/mn",
    ]
    assert [is_production(url) for url in production] == [True] * len(production)
    assert [is_production(url) for url in tests] == [False] * len(tests)


def test_pages_are_those_of_metacat_where_it_is_one() -> None:
    assert landing_page(ADC, "urn:uuid:1") == "https://arcticdata.io/catalog/view/urn:uuid:1"
    assert landing_page(ADC, "doi:10.18739/A2") == "https://arcticdata.io/catalog/view/doi:10.18739/A2"
    assert landing_page(KNB, "doi:10.5063/F1") == "https://knb.ecoinformatics.org/view/doi:10.5063/F1"
    assert [is_metacat(url) for url in (ADC, KNB, "https://a.org/mn")] == [True, True, False]
    assert landing_page("https://a.org/mn", "doi:10/x") == "https://a.org/mn/v2/object/doi%3A10%2Fx"


def test_who_may_change_what_is_published() -> None:
    assert writers_at(ADC, holder=ADA, subject=ADA) == (CURATORS,)
    assert writers_at("https://test.arcticdata.io/mn", holder=ADA, subject="CN=me") == (CURATORS, "CN=me")
    assert writers_at("https://notarcticdata.io/mn", holder=ADA, subject="CN=me") == ("CN=me",)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "..", "a.e30.c", "a.WzFd.c", f"a.{'W1tb' * 9999}.c"]
)
def test_a_malformed_token_is_rejected(text: str) -> None:
    with pytest.raises(UnauthenticatedError, match="token for DataONE is malformed"):
        read_token(text)


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, "just now"),
        (119, "just now"),
        (120, "2 minutes ago"),
        (7_200, "2 hours ago"),
        (10**6, "11 days ago"),
    ],
)
def test_a_token_that_is_over_says_since_when(seconds: int, age: str) -> None:
    with pytest.raises(TokenExpiredError, match=rf"expired {age}\. What was sent is kept"):
        Token("text", ADA, 1_000.0).check(now=1_000.0 + seconds)
