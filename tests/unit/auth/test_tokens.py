from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.auth.rates import Rates
from ogdc_shared.auth.tokens import is_token, new_token, token_hash
from ogdc_shared.errors import LimitError


def test_tokens_have_a_fixed_length_and_a_recognizable_form():
    tokens = {new_token() for _ in range(200)}

    assert len(tokens) == 200
    assert all(re.fullmatch(r"ogdc_[0-9A-Za-z]{49}", token) and is_token(token) for token in tokens)
    assert len({token_hash(token) for token in tokens}) == 200


@given(place=st.integers(5, 53), digit=st.sampled_from("0123456789ABCXYZabcxyz"))
def test_a_changed_character_is_detected(place: int, digit: str):
    token = new_token()
    changed = token[:place] + digit + token[place + 1 :]

    assert is_token(changed) == (changed == token)


@given(st.text() | st.text().map("ogdc_{}".format))
def test_texts_that_are_not_tokens_are_recognized(text: str):
    assert not is_token(text)


@pytest.mark.parametrize(
    "change", [str.upper, str.swapcase, lambda token: token[:-1], lambda token: token + "0"]
)
def test_changed_case_and_missing_letters_are_detected(change):
    assert not is_token(change(new_token()))


def test_a_user_may_burst_to_the_limit_and_then_continue_at_the_rate():
    rates = Rates(per_minute=60)
    for _ in range(60):
        rates.take("anna", now=0.0)
    with pytest.raises(LimitError) as refused:
        rates.take("anna", now=0.0)
    assert refused.value.retry_after == 1

    rates.take("bert", now=0.0)
    rates.take("anna", now=1.0)
    with pytest.raises(LimitError):
        rates.take("anna", now=1.5)
    for _ in range(60):
        rates.take("anna", now=1000.0)
    with pytest.raises(LimitError):
        rates.take("anna", now=1000.0)


def test_without_a_limit_requests_are_not_counted():
    rates = Rates(per_minute=0)
    for _ in range(10_000):
        rates.take("anna", now=0.0)


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_minute_has_more_than_twice_the_limit(pauses: list[float]):
    rates, now, taken = Rates(per_minute=5), 0.0, []
    for pause in pauses:
        now += pause
        with suppress(LimitError):
            rates.take("anna", now=now)
            taken.append(now)

    for begin in taken:
        assert sum(begin <= each < begin + 60 for each in taken) <= 10


def test_inactive_users_take_no_memory():
    rates = Rates(per_minute=1)
    for number in range(30_000):
        rates.take(number, now=number / 100)

    assert len(rates._buckets) <= 10_001
