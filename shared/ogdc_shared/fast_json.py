"""A substitute for `json` in the worker, whose import takes several milliseconds of every task.

It uses the C scanner and encoder of CPython directly. Results and errors equal those of `json`, which is
imported for invalid documents and encodings other than UTF-8.

Source: json/decoder.py, json/scanner.py and json/encoder.py of CPython.
"""

from __future__ import annotations

from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

from ogdc_shared.fast_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["dumps", "encode_basestring", "loads"]

_BLANK = " \t\n\r"


class _Reading:
    """What a `json.JSONDecoder` says of itself to the scanner."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = parse_constant = float
    parse_int = int


_scan: Any = make_scanner(_Reading)  # type: ignore[arg-type]


def loads(text: str | bytes) -> Any:
    """Read a document; see `json.loads`.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deep.
    """
    try:
        document = (text if isinstance(text, str) else text.decode()).strip(_BLANK)
        value, end = _scan(document, 0)
    except (StopIteration, ValueError, SystemError):
        return _by_json(text)  # the last: before 3.12, C finds no error to raise until `json` is imported
    return value if end == len(document) else _by_json(text)


def dumps(value: Any, *, ensure_ascii: bool = True, separators: tuple[str, str] = (", ", ": ")) -> str:
    """Render a value in one line; see `json.dumps`."""
    encode = encode_basestring_ascii if ensure_ascii else encode_basestring
    item, key = separators
    return "".join(make_encoder({}, _refuse, encode, None, key, item, False, False, True)(value, 0))


def _by_json(text: str | bytes) -> Any:
    from json import loads

    return loads(text)


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
