"""The worker's own way to JSON reads and writes what the standard library's does."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ogdc_shared import fast_json

VALUES: list[Any] = [
    {"a": [1, -2.5e-7, 10**30, True, None, {"b": ()}], "": 'é\u2028"\\\x00\ud800', 7: 0, None: 0, 1.5: 0},
    *([], {}, "text", 7, 0.1, float("inf")),
]
TEXTS: list[str | bytes] = [
    *(" \n[1, 2]\t\r", b'{"a": "\xc3\xa9", "a": 2}', "NaN", "[-Infinity, Infinity]", "1e400"),
    *(
        '"\\ud83d\\ude00"',
        "[1]".encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        "[1]".encode("utf-32-le"),
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf[]",
    ),
]
WRONG: list[str | bytes] = [
    *("", "  ", "[1", "[1,]", '{"a"}', "{'a': 1}", "1 2", "[] x", "nul", "01", '"a\nb"', '"\\x"'),
    *('\n {"a" 1}', "\ufeff1", "\x0c1", "\u00a01", b"", b"\xff\xfe\xfd", b'"\xff"'),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_it_writes_the_same(value: Any, ensure_ascii: bool, separators: tuple[str, str]) -> None:
    ours = fast_json.dumps(value, ensure_ascii=ensure_ascii, separators=separators)

    assert ours == json.dumps(value, ensure_ascii=ensure_ascii, separators=separators)


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_it_reads_the_same(text: str | bytes) -> None:
    assert repr(fast_json.loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", WRONG, ids=repr)
def test_it_refuses_the_same_with_the_same_words(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".") as theirs:
        json.loads(text)
    with pytest.raises(type(theirs.value)) as ours:
        fast_json.loads(text)

    assert str(ours.value) == str(theirs.value)


def test_it_refuses_with_those_words_also_where_json_is_not_imported() -> None:
    code = f"""
import sys
sys.path += {sys.path!r}
from ogdc_shared import fast_json
assert "json" not in sys.modules
try:
    fast_json.loads("[1,]")
except ValueError as exc:
    print(type(exc).__name__, exc)
"""
    bare = [sys.executable, "-I", "-S", "-c", code]
    with pytest.raises(json.JSONDecodeError) as theirs:
        json.loads("[1,]")
    assert subprocess.check_output(bare, text=True).strip() == f"JSONDecodeError {theirs.value}"


def test_it_refuses_what_cannot_be_written() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        fast_json.dumps({"a": set()})
    with pytest.raises(ValueError, match="Circular"):
        fast_json.dumps(endless)


def test_it_refuses_what_is_nested_too_deep() -> None:
    with pytest.raises(RecursionError):
        fast_json.loads("[" * 200_000)
