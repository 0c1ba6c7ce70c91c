import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.api.parameters import Choice, Flag, Number
from ogdc_shared.errors import InvalidRequestError

N = Number("n", 1, 9, 5, "")
C = Choice("c", ("a", "b"), "")
F = Flag("f", "")


@given(value=st.integers(1, 9))
def test_a_number_in_range_is_read(value: int):
    assert N.read({"n": str(value)}) == value


@given(value=st.text() | st.integers(max_value=0).map(str) | st.integers(min_value=10).map(str))
def test_anything_else_is_refused_by_name(value: str):
    if value in {str(n) for n in range(1, 10)} or (
        value.isascii() and value.isdecimal() and 1 <= int(value) <= 9
    ):
        return
    with pytest.raises(InvalidRequestError, match=r"^n="):
        N.read({"n": value})


def test_what_is_missing_has_a_default():
    assert N.read({}) == 5
    assert C.read({}) is None
    assert F.read({}) is None


def test_only_one_of_the_given_words_is_accepted():
    assert C.read({"c": "b"}) == "b"
    with pytest.raises(InvalidRequestError, match="a, b"):
        C.read({"c": "B"})


@pytest.mark.parametrize(("value", "meaning"), [("true", True), ("false", False)])
def test_a_flag_is_read(value: str, meaning: bool):
    assert F.read({"f": value}) is meaning


@pytest.mark.parametrize("value", ["", "yes", "1", "True"])
def test_a_flag_is_spelled_out(value: str):
    with pytest.raises(InvalidRequestError, match="true, false"):
        F.read({"f": value})
