"""Recognizes web pages, such as that of a login, in place of data."""

from __future__ import annotations

import re

_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def is_web_page(content: bytes) -> bool:
    """Whether the beginning of a file is that of a web page."""
    begin = content[:4096]
    if begin.startswith(_UTF16):
        begin = begin.decode("utf-16", errors="replace").encode()
    return bool(_PAGE.match(begin))


def title_of(content: bytes) -> str:
    """Return the title at the beginning of a web page, at most 80 characters; empty if there is none."""
    from html import unescape

    title = _TITLE.search(content[:65536])
    return " ".join(unescape(title[1].decode(errors="replace")).split())[:80] if title else ""
