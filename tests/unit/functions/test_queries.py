import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_functions.queries import choice, flag, number
from ogdc_shared.errors import InvalidRequestError


@given(value=st.integers(1, 9))
def test_a_number_in_range(value: int):
    assert number({"n": str(value)}, "n", default=5, least=1, most=9) == value


@given(value=st.text() | st.integers(max_value=0).map(str) | st.integers(min_value=10).map(str))
def test_anything_else_is_refused_by_name(value: str):
    if value in {str(n) for n in range(1, 10)} or (
        value.isascii() and value.isdecimal() and 1 <= int(value) <= 9
    ):
        return
    with pytest.raises(InvalidRequestError, match=r"^n="):
        number({"n": value}, "n", default=5, least=1, most=9)


def test_what_is_missing_has_a_default():
    assert number({}, "n", default=5, least=1, most=9) == 5
    assert choice({}, "c", options=("a",)) is None
    assert flag({}, "f") is False


def test_one_of_a_few_words():
    assert choice({"c": "b"}, "c", options=("a", "b")) == "b"
    with pytest.raises(InvalidRequestError, match="a, b"):
        choice({"c": "B"}, "c", options=("a", "b"))


@pytest.mark.parametrize(("value", "meaning"), [("true", True), ("false", False)])
def test_a_flag(value: str, meaning: bool):
    assert flag({"f": value}, "f") is meaning


@pytest.mark.parametrize("value", ["", "yes", "1", "True"])
def test_a_flag_is_spelled_out(value: str):
    with pytest.raises(InvalidRequestError, match="true, false"):
        flag({"f": value}, "f")
