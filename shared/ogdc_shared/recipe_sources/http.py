"""Recipes served over HTTP: archives, and directories with an index page of links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, MaxRetryError

from ogdc_shared.connections import pool_manager
from ogdc_shared.errors import InvalidRequestError, RecipeNotFoundError, SourceUnavailableError
from ogdc_shared.reach import Reach
from ogdc_shared.recipe_sources.source import (
    CHUNK_BYTES,
    CONNECT_SECONDS,
    READ_SECONDS,
    Budget,
    Entry,
    RemoteFile,
    walk,
)
from ogdc_shared.statuses import PASSING

LISTING_BYTES = 4 * 1024 * 1024


class HttpSource:
    """A URL of an archive or a directory."""

    def __init__(self, location: str, reach: Reach) -> None:
        self.root = location
        self._pool = pool_manager(
            reach,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=urllib3.Retry(
                total=8,
                connect=2,
                read=2,
                status=2,
                redirect=5,
                other=0,
                status_forcelist=PASSING,
                backoff_factor=0.2,
                raise_on_status=False,
                respect_retry_after_header=False,
            ),
            # What is stored is wanted, not a server's own compression of it.
            headers={"Accept-Encoding": "identity", "User-Agent": "ogdc-runner"},
        )

    def files(self, budget: Budget) -> Iterable[RemoteFile]:
        """See `Source`."""
        split = urlsplit(self.root)
        return walk(self._children, split._replace(path=split.path.rstrip("/") + "/").geturl(), budget)

    def read(self, locator: str) -> Iterator[bytes]:
        """See `Source`."""
        with self._get(locator) as response:
            while piece := response.read1(CHUNK_BYTES, decode_content=False):  # as it comes: time is counted
                yield piece

    def close(self) -> None:
        """See `Source`."""
        self._pool.clear()

    def _children(self, url: str) -> Iterator[Entry]:
        with self._get(url) as response:
            kind = response.headers.get("Content-Type", "of no type")
            if not kind.startswith("text/html"):
                raise RecipeNotFoundError(
                    f"{url}: is a file ({kind}) and not a directory that the server lists. "
                    "Give such a directory, or an archive: .tar.gz, .tgz or .zip."
                )
            page = response.read(LISTING_BYTES, decode_content=False).decode(errors="replace")
            here = urljoin(urljoin(url, response.url), ".")
        for name in _names_below(here, page):
            yield Entry(unquote(name.rstrip("/")), urljoin(here, name), name.endswith("/"))

    @contextmanager
    def _get(self, url: str) -> Iterator[urllib3.BaseHTTPResponse]:
        try:
            with self._pool.request("GET", url, preload_content=False) as response:
                _check_status(url, response.status)
                yield response
        except LocationValueError as exc:
            raise InvalidRequestError(f"{url}: is not a valid URL: {exc}.") from exc
        except HTTPError as exc:
            reason = type(exc.reason if isinstance(exc, MaxRetryError) else exc).__name__
            raise SourceUnavailableError(
                f"{url}: the server did not answer, or its answer was cut off ({reason}). "
                "Check the address, or try again later."
            ) from exc


def _check_status(url: str, status: int) -> None:
    if status in PASSING:
        raise SourceUnavailableError(f"{url}: the server answers {status}. Try again later.")
    if status in (401, 403):
        raise RecipeNotFoundError(f"{url}: the server refuses access ({status}). Give a public location.")
    if status != 200:
        raise RecipeNotFoundError(f"{url}: the server answers {status}. Check the address.")


def _names_below(directory: str, page: str) -> list[str]:
    """What a page's links lead to just below `directory` (ends in a slash): `name` or `name/`, quoted."""
    parser = _Links()
    parser.feed(page)
    names: dict[str, None] = {}
    for link in parser.targets:
        with suppress(ValueError):  # not even a URL
            head, directory_found, name = urljoin(directory, link).partition(directory)
            if directory_found and not head and re.fullmatch(r"[^/?#]+/?", name):
                names[name] = None
    return list(names)


class _Links(HTMLParser):
    """Collects the targets of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by `feed` for each start tag."""
        if tag == "a":
            self.targets += [value for name, value in attrs if name == "href" and value]
