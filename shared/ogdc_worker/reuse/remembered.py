"""Remembers fetched inputs, to find out without fetching them whether they have changed.

If the server confirms that an input has not changed, or the recipe gives its checksum, the remembered
checksum of its content is valid. Otherwise it has to be fetched.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.digests import digest
from ogdc_worker.reuse.kept import read_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ogdc_shared.plan import InputFile
    from ogdc_shared.servers.web import Web

_DIRECTORY = "inputs"
THREADS = 6
_FIELDS = ("place", "checksum", "etag", "modified", "size")


def request_digest(file: InputFile) -> str:
    """Return the digest that identifies an input; its URL is not stored, as it may contain a password."""
    checksum = list(file.checksum) if file.checksum else None
    return digest(json.dumps([file.source, file.name, file.directory, file.size, checksum]).encode())


def remember(store: str, inputs: Iterable[Mapping[str, Any]]) -> None:
    """Store inputs from a task's note."""
    for each in inputs:
        name = str(each.get("request", ""))
        if len(name) == 64 and name.isalnum():
            place = f"{store}/{_DIRECTORY}/{name[:2]}"
            os.makedirs(place, exist_ok=True)
            with open(f"{place}/{name}.new", "w", encoding="ascii") as file:
                json.dump({field: str(each.get(field, "")) for field in _FIELDS}, file)
            os.rename(f"{place}/{name}.new", f"{place}/{name}")


class Remembered:
    """The inputs remembered in one store."""

    def __init__(self, store: str, web: Web | None) -> None:
        """Store the arguments; nothing is requested yet.

        Args:
            store: The store's directory.
            web: Client to ask servers, or None to ask none.
        """
        self._store = store
        self._web = web

    def known(self, files: Iterable[InputFile]) -> dict[str, tuple[str, str]]:
        """Return source → (path, checksum) of the inputs that have not changed.

        A source that is several inputs is skipped, since it would have several paths.
        """
        from ogdc_worker.fetch.threads import in_threads

        urls = [file for file in files if file.kind == "url"]
        often = Counter(file.source for file in urls)
        asked = [file for file in urls if often[file.source] == 1]
        found = in_threads(lambda number: self._of(asked[number]), len(asked), at_once=THREADS)
        return dict(each for each in found if each is not None)

    def _of(self, file: InputFile) -> tuple[str, tuple[str, str]] | None:
        name = request_digest(file)
        content = read_plain(f"{self._store}/{_DIRECTORY}/{name[:2]}/{name}")
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(content or b"")
            if file.checksum or self._is_same(file.source, entry):
                return file.source, (entry["place"], entry["checksum"])
        return None

    def _is_same(self, url: str, entry: Mapping[str, str]) -> bool:
        from ogdc_shared.errors import OgdcError
        from ogdc_shared.servers.response import InterruptedFetchError

        etag, modified, size = entry["etag"], entry["modified"], entry.get("size", "")
        if self._web is None or not (etag or modified):
            return False
        try:
            known = int(size) if size else None
            return not self._web.changed(url, etag=etag, modified=modified, size=known)
        except (OgdcError, InterruptedFetchError, OSError):
            return False  # the task that fetches it reports the error
