"""URLs of inputs: what one must look like, and lists of them in a side file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ogdc_shared.recipe.files import UnusableFileError

MAX_LENGTH = 8192
"""Characters; servers refuse longer ones."""

_SIMPLE = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,4})?(?:/[!-~]*)?")
"""What nearly every URL looks like, so that a list of a million is checked in a second."""
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff]")


def url_problem(url: str) -> str | None:
    """Say why `url` cannot be fetched from, as a sentence without its subject; None where nothing is wrong.

    Only looks at the text: nothing is asked of the network. Quotes, `$`, `;` and braces are part of many a
    URL and harmless, since no shell and no template ever sees one.
    """
    if len(url) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH:,} characters; give a shorter URL."
    if _SIMPLE.fullmatch(url):
        return None
    if unseen := _UNSEEN.search(url):
        code = "%20" if unseen[0] == " " else "its percent-encoded form"
        return f"has {unseen[0]!r} as character {unseen.start() + 1}; remove it, or write {code}."
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as exc:
        return f"is no URL ({exc}); give one such as https://example.org/data.tif."
    if parts.scheme not in {"http", "https", "ftp"} or not host:
        return "is no URL to fetch from; give one that begins with https://, http:// or ftp:// and a server."
    return None


def read_url_list(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of a line and its URL, without blank lines and lines that begin with `#`.

    A list may hold a million URLs, so it is never held as a whole.

    Raises:
        UnusableFileError: the file is not UTF-8, or cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                url = line.strip()
                if url and not url.startswith("#"):
                    yield number, url
    except UnicodeDecodeError as exc:
        raise UnusableFileError("is not UTF-8 text; save it as UTF-8.") from exc
    except OSError as exc:
        raise UnusableFileError(f"cannot be read ({exc.strerror}); check its permissions.") from exc
