"""The artifact store on one machine: a directory, with signed links served by the gateway."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from ogdc_shared.errors import ConfigurationError
from ogdc_shared.removal import remove
from ogdc_shared.storage.files import disk_errors, replacing, write_together
from ogdc_shared.storage.links import sign
from ogdc_shared.storage.store import (
    PIECE_BYTES,
    Artifact,
    ArtifactNotFoundError,
    check_key,
    check_prefix,
    replaced_meanwhile,
)

_TOGETHER = 16
"""Artifacts that are open at the same time."""


class DirectoryStore:
    """Keeps each artifact in the file `root`/key."""

    def __init__(self, root: Path, *, url: str | None = None, signing_key: str | None = None) -> None:
        """Store the settings; nothing is created or read yet.

        Args:
            root: Created by the first write.
            url: Base URL of the gateway that serves the links, or None, in which case `link` cannot be used.
            signing_key: Secret with which the gateway verifies links, or None, with the same consequence.
        """
        self._root = root
        self._url = url
        self._signing_key = signing_key

    def path(self, key: str) -> Path:
        """The file of an artifact, whether or not it is there."""
        return self._root / check_key(key)

    def put(self, key: str, data: bytes | Path) -> None:
        """See `ArtifactStore`."""
        self._put(key, data)

    def put_all(self, artifacts: Iterable[tuple[str, bytes | Path]]) -> None:
        """See `ArtifactStore`; they go to disk some at a time."""
        left = ((f"{self._root}/{check_key(key)}", data) for key, data in artifacts)
        while some := list(islice(left, _TOGETHER)):
            with disk_errors("the files of a run"):
                write_together(some)

    def put_unsynced(self, key: str, source: Path) -> None:
        """Write as `put` does what a crash of the machine may leave damaged: facts, no results."""
        self._put(key, source, sync=False, sync_name=False)

    def get(self, key: str, *, first: int | None = None) -> bytes:
        """See `ArtifactStore`."""
        with self._open(key) as source, disk_errors(f"artifact {key!r}"):
            return source.read(-1 if first is None else first)

    def fetch(self, key: str, into: Path) -> None:
        """See `ArtifactStore`."""
        with self._open(key) as source, disk_errors(f"artifact {key!r}"), replacing(into) as target:
            shutil.copyfileobj(source, target)

    def size(self, key: str) -> int | None:
        """See `ArtifactStore`."""
        described = self.describe(key)
        return None if described is None else described.size

    def describe(self, key: str) -> Artifact | None:
        """See `ArtifactStore`."""
        path = self.path(key)
        with disk_errors(f"artifact {key!r}"):
            try:
                status = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _described(status) if stat.S_ISREG(status.st_mode) else None

    def read(self, key: str, artifact: Artifact, begin: int, end: int) -> Iterator[bytes]:
        """See `ArtifactStore`."""
        with self._open(key) as source, disk_errors(f"artifact {key!r}"):
            if _described(os.fstat(source.fileno())) != artifact:
                raise replaced_meanwhile(key)
            source.seek(begin)
            while begin < end and (piece := source.read(min(PIECE_BYTES, end - begin))):
                begin += len(piece)
                yield piece

    def delete_prefix(self, prefix: str) -> None:
        """See `ArtifactStore`."""
        with disk_errors(f"artifacts below {prefix!r}"):
            try:
                remove(f"{self._root}/{check_prefix(prefix)}")
            except NotADirectoryError:
                return

    def link(self, key: str, *, seconds: int) -> str:
        """See `ArtifactStore`."""
        check_key(key)
        if not self._url:
            raise ConfigurationError(
                "OGDC_ARTIFACT_URL is not set: give the base URL that serves /artifacts/."
            )
        query = sign(key, expires=int(time.time()) + seconds, secret=self._signing_key or "")
        return f"{self._url.rstrip('/')}/artifacts/{quote(key)}?{query}"

    def _put(self, key: str, data: bytes | Path, *, sync: bool = True, sync_name: bool = True) -> None:
        path = self.path(key)
        replaced = replacing(path, sync=sync, sync_name=sync_name)
        if isinstance(data, bytes):
            with disk_errors(f"artifact {key!r}"), replaced as target:
                target.write(data)
            return
        with data.open("rb") as source, disk_errors(f"artifact {key!r}"), replaced as target:
            shutil.copyfileobj(source, target)

    def _open(self, key: str) -> BinaryIO:
        path = self.path(key)
        with disk_errors(f"artifact {key!r}"):
            try:
                return path.open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
                raise ArtifactNotFoundError(key) from exc


def _described(status: os.stat_result) -> Artifact:
    return Artifact(status.st_size, f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}")
