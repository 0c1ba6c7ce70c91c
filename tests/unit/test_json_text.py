"""Parsing JSON from untrusted senders."""

from __future__ import annotations

import pytest

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.json_text import read_json


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", r"Expecting value: line 1 column 1"),
        (b'{"a": \xff}', "byte 7 is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5_000, "too many digits"),
    ],
)
def test_what_is_no_json_is_told_without_a_word_of_python(text: bytes, reason: str):
    with pytest.raises(InvalidRequestError, match=f"^The body is not JSON: .*{reason}") as refused:
        read_json(text, refusal="The body is not JSON")

    assert "sys." not in str(refused.value)


def test_json_is_read_in_any_of_its_encodings():
    assert read_json('{"a": "é"}'.encode("utf-16"), refusal="no") == {"a": "é"}
