from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import ConfigurationError, ForbiddenError, OutputUnavailableError
from ogdc_shared.storage.links import sign, verify

KEY = "runs/a/output/a.zip"


def query(key: str = KEY, *, expires: int = 1000, secret: str = "secret") -> dict[str, str]:
    return dict(parse_qsl(sign(key, expires=expires, secret=secret)))


def test_a_link_is_good_until_it_expires() -> None:
    verify(KEY, query(), secret="secret", now=999.9)
    with pytest.raises(OutputUnavailableError, match="expired") as caught:
        verify(KEY, query(), secret="secret", now=1000)
    assert caught.value.expired


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "9999"},
        {"expires": "01000"},
        {"expires": "1000\n"},
        {"expires": "\u0661\u0660\u0660\u0660"},
        {"expires": ""},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "\u00e9\ud800"},
    ],
)
def test_a_changed_link_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError, match="was changed"):
        verify(KEY, query() | change, secret="secret", now=0)


def test_a_link_is_good_for_one_artifact_and_one_secret() -> None:
    for key, secret in ((KEY + "x", "secret"), (KEY, "other"), ("1000\n" + KEY, "secret")):
        with pytest.raises(ForbiddenError):
            verify(key, query(), secret=secret, now=0)


def test_a_link_without_its_query_is_refused() -> None:
    with pytest.raises(ForbiddenError):
        verify(KEY, {}, secret="secret", now=0)


def test_an_expired_forgery_is_a_forgery() -> None:
    with pytest.raises(ForbiddenError):
        verify(KEY, {"expires": "1", "signature": "0" * 64}, secret="secret", now=1000)


def test_nothing_is_signed_or_believed_without_a_secret() -> None:
    with pytest.raises(ConfigurationError, match="OGDC_SIGNING_KEY"):
        sign(KEY, expires=1, secret="")
    with pytest.raises(ConfigurationError, match="OGDC_SIGNING_KEY"):
        verify(KEY, query(), secret="", now=0)


@given(key=st.text(), other=st.text(), expires=st.integers(0, 10**12), forged=st.text())
def test_no_other_key_or_time_passes(key: str, other: str, expires: int, forged: str) -> None:
    signed = query(key, expires=expires)
    verify(key, signed, secret="secret", now=expires - 1)
    if (other, forged) != (key, str(expires)):
        with pytest.raises(ForbiddenError):
            verify(other, signed | {"expires": forged}, secret="secret", now=0)
