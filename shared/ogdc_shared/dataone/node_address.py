"""Addresses of member nodes: which a token may be sent to, and where what is published stays for ever."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.servers.loopback import is_loopback, is_private

_TEST_WORDS = frozenset({"dev", "sandbox", "stage", "staging", "test"})


def checked_url(url: str) -> str:
    """A node's base URL, to which a token may be sent.

    Raises:
        InvalidRequestError: it is none, or leads to another machine without encryption.
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
            f"{url!r} is no member node that a token may be sent to; give its https URL, such as "
            "https://arcticdata.io/metacat/d1/mn."
        )
    return parts.geturl()


def is_production(url: str) -> bool:
    """Whether what is published there is for ever: all nodes but those of this machine, and for tests."""
    host = urlsplit(url).hostname or ""
    words = {word for label in host.split(".") for word in label.split("-")}
    return not is_loopback(url) and not words & _TEST_WORDS


def is_metacat(url: str) -> bool:
    """Whether a node is one of Metacat's, by where that is installed."""
    return "/metacat/" in urlsplit(url).path


def landing_page(url: str, pid: str) -> str:
    """Where a package is shown to people; of a node without pages, where its metadata are."""
    parts = urlsplit(url)
    if is_metacat(url):
        return f"{parts.scheme}://{parts.netloc}/catalog/view/{quote(pid, safe=':/')}"
    return f"{url}/v2/object/{quote(pid, safe='')}"
