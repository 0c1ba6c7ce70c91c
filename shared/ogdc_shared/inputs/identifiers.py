"""Normalizing DataONE identifiers, which users paste in many forms."""

from __future__ import annotations

import re
from urllib.parse import unquote

_DOI = re.compile(
    r"(?:(?:https?://)?(?:dx\.|www\.)?doi\.org/|https?://[^/]+/data/|info:(?=doi/))?(?:doi[:/]\s*)?(10\.\d{4,9}/\S+)",
    re.IGNORECASE,
)
"""A DOI, also as the address of a resolver or of the Arctic Data Center (`arcticdata.io/data/10.18739/…`)."""
_PAGE = re.compile(
    r"https?://[^/]+/.*?(?:view|object|meta|resolve|datasets?|packages/[^/]+)/([^?#]+?)/?(?:[?#].*)?",
    re.IGNORECASE,
)
"""Addresses of landing pages (`/catalog/view/ID`, `#view/ID`) and of DataONE's services."""
_URL = re.compile(r"https?://", re.IGNORECASE)


def identifiers(text: str) -> list[str]:
    """Return the identifiers that a text may stand for, without repetition, the most literal first.

    A DOI is registered in DataONE as `doi:10.…`, by some repositories as `https://doi.org/10.…`; of the other
    forms of it nothing else is known. A landing page's address holds the identifier that it shows.
    """
    forms = [text]
    page = None if _DOI.fullmatch(text) else _PAGE.fullmatch(text)
    if page and _URL.match(text):
        forms.append(unquote(page[1]))
    if _URL.match(text):
        forms.append(unquote(text))
    for form in tuple(forms):
        if doi := _DOI.fullmatch(form):
            name = doi[1].rstrip("/.,;")
            forms += [
                f"doi:{name}",
                f"doi:{name.upper()}",
                f"https://doi.org/{name}",
                f"http://dx.doi.org/{name}",
            ]
    return list(dict.fromkeys(forms))
