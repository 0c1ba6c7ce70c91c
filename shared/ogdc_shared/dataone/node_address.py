"""Addresses of member nodes: which nodes may receive a token, and which of them publish permanently."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.servers.loopback import is_loopback, is_private

_PAGES = {"/metacat/d1/mn": "/catalog/view/", "/knb/d1/mn": "/view/"}
"""Path of a Metacat's URL → path of its package pages, for arcticdata.io and knb.ecoinformatics.org."""
_TEST_WORDS = frozenset({"dev", "sandbox", "stage", "staging", "test"})


def checked_url(url: str) -> str:
    """Return a node's base URL without a slash at its end, if a token may be sent to it.

    Raises:
        InvalidRequestError: it is not such a URL, or leads to another machine without encryption.
    """
    try:
        parts = urlsplit(url.rstrip("/"))
        is_safe = is_private(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        is_safe = has_port = False
    plain = url.isascii() and url.isprintable() and not set(url) & set(" @?#\\{}")
    if not (is_safe and has_port and plain and parts.hostname):
        raise InvalidRequestError(
            f"{url!r} is not a member node that a token may be sent to. Give its https URL, such as "
            "https://arcticdata.io/metacat/d1/mn."
        )
    return parts.geturl()


def is_production(url: str) -> bool:
    """Whether publishing there is permanent: for all nodes except those of this machine and of tests."""
    host = urlsplit(url).hostname or ""
    words = {word for label in host.split(".") for word in label.split("-")}
    return not is_loopback(url) and not words & _TEST_WORDS


def is_metacat(url: str) -> bool:
    """Whether a node is a Metacat: its URL ends with `/CONTEXT/d1/mn`, such as `/metacat/d1/mn`.

    Source: Metacat's administrator guide; GMN has no `/d1`.
    """
    return urlsplit(url).path.endswith("/d1/mn")


def landing_page(url: str, pid: str) -> str:
    """The URL of a package's page, or that of its metadata if the node's pages are not known."""
    parts = urlsplit(url)
    if page := _PAGES.get(parts.path):
        return f"{parts.scheme}://{parts.netloc}{page}{quote(pid, safe=':/')}"
    return f"{url}/v2/object/{quote(pid, safe='')}"
