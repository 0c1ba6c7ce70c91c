"""Recipes in any location supported by fsspec, mainly GitHub.

Private repositories, or more than GitHub's 60 anonymous requests an hour, need FSSPEC_GITHUB_USERNAME and
FSSPEC_GITHUB_TOKEN in the environment. Source: fsspec's documentation, "Configuration".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec

from ogdc_shared.errors import (
    InvalidRequestError,
    OgdcError,
    RecipeNotFoundError,
    SourceUnavailableError,
    UnsupportedError,
)
from ogdc_shared.recipe_sources.source import (
    CHUNK_BYTES,
    CONNECT_SECONDS,
    READ_SECONDS,
    Budget,
    Entry,
    RemoteFile,
    walk,
)

GITHUB_FORM = re.compile(r"github://[\w-][\w.-]*:[\w-][\w.-]*@[\w.%-]*(/.*)?", re.ASCII)


class FilesystemSource:
    """A directory or an archive in one of fsspec's file systems."""

    def __init__(self, location: str) -> None:
        """Connects.

        Raises:
            InvalidRequestError: a chain, or a github location not in the one form there is.
            UnsupportedError: the package for this kind of place is not installed.
        """
        self._location = location
        if "::" in location:  # fsspec would read one place through another, this machine's disk among them
            raise InvalidRequestError(f"{location}: locations chained with '::' are not supported.")
        options: dict[str, Any] = {}
        if location.startswith("github://"):
            if not GITHUB_FORM.fullmatch(location):
                raise InvalidRequestError(f"{location}: write github://ORGANISATION:REPOSITORY@REF/PATH.")
            options["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        with self._errors():
            # A cached instance would remember what a branch held the last time.
            self._fs, self.root = fsspec.url_to_fs(location, skip_instance_cache=True, **options)

    def files(self, budget: Budget) -> Iterable[RemoteFile]:
        """See `Source`."""
        return walk(self._children, self.root, budget)

    def read(self, locator: str) -> Iterator[bytes]:
        """See `Source`."""
        with self._errors(), self._fs.open(locator, "rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece

    def close(self) -> None:
        """See `Source`; fsspec has no call for it."""

    def _children(self, locator: str) -> Iterator[Entry]:
        with self._errors():
            found = self._fs.ls(locator, detail=True)
        for info in found:
            path = info["name"].rstrip("/")
            if path != locator.rstrip("/"):
                yield Entry(path.rpartition("/")[2], path, info["type"] == "directory")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OgdcError:
            raise
        except FileNotFoundError as exc:
            raise RecipeNotFoundError(f"{self._location}: does not exist. Check the address.") from exc
        except ImportError as exc:
            raise UnsupportedError(f"{self._location}: cannot be read by this installation: {exc}.") from exc
        except Exception as exc:  # each file system raises its own library's errors
            raise self._translated(exc) from exc

    def _translated(self, exc: Exception) -> OgdcError:
        status = getattr(getattr(exc, "response", None), "status_code", None)
        if status in (404, 410, 422):
            return RecipeNotFoundError(f"{self._location}: the server answers {status}. Check the address.")
        if status in (401, 403, 429):
            return SourceUnavailableError(
                f"{self._location}: the server refuses it ({status}): it is private, or was asked too often. "
                "Try again later, or send the recipe itself."
            )
        return SourceUnavailableError(
            f"{self._location}: cannot be read ({status or type(exc).__name__}). "
            "Check the address, or try again later."
        )
