"""URIs of the entities in a crate; file names are percent-encoded.

Source: RFC 3986, section 2.4 (percent-encoding); draft-soilandreyes-arcp-03 for `arcp`, which identifies
files of a package independently of its location; RO-Crate 1.1, "Encoding file paths".
"""

from __future__ import annotations

import re
from urllib.parse import quote

_KEPT = "/:?#[]@!$&'()*+,;=%"
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*", re.ASCII)
"""Matches texts that need no encoding, as most paths."""
_URL = re.compile(r"(https?|ftp)://[^\s/]", re.IGNORECASE)


def path_uri(path: str) -> str:
    """Encode a relative path; a name that is not UTF-8 keeps its bytes."""
    return path if _PLAIN.fullmatch(path) else quote(_bytes(path), safe="/")


def is_url(text: str) -> bool:
    """Whether a text is an HTTP or FTP URL."""
    return bool(_URL.match(text))


def url(text: str) -> str:
    """Return a valid URL, percent-encoded where needed; a text that is not a URL becomes a relative path."""
    return quote(_bytes(text), safe=_KEPT) if is_url(text) else path_uri(text)


def run_uri(run_id: str, path: str) -> str:
    """Return the URI of something in a run by its path, such as `outputs/sea ice.tif`."""
    return f"arcp://uuid,{run_id}/{path_uri(path)}"


def _bytes(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # not the name of a file
        return text.encode(errors="surrogatepass")
