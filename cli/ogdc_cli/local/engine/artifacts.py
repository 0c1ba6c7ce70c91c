"""A pod's artifacts: from the store to files it can mount, and back."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import defaultdict
from pathlib import Path

from ogdc_shared.errors import OgdcError
from ogdc_shared.recipe.bundle import unpack
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.storage.store import ArtifactNotFoundError


class Artifacts:
    """Copies of one workflow's input artifacts, each made once however many pods ask for it."""

    def __init__(self, store: DirectoryStore, directory: Path) -> None:
        """Nothing is made yet.

        Args:
            store: The artifact store.
            directory: This workflow's own, for the copies.
        """
        self._store = store
        self._directory = directory
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def staged(self, key: str, *, unpacked: bool) -> Path:
        """A readable copy of an artifact: a file, or the directory that a tar.gz unpacks to.

        Raises:
            OgdcError: there is no such artifact, or it cannot be unpacked.
        """
        name = hashlib.sha256(f"{unpacked} {key}".encode()).hexdigest()[:32]
        path = self._directory / name
        with self._locks[name]:
            if not path.exists():
                self._directory.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".part")
                self._copy(key, partial, unpacked=unpacked)
                partial.rename(path)
        return path

    def _copy(self, key: str, target: Path, *, unpacked: bool) -> None:
        source = self._store.path(key)
        try:
            if unpacked:
                shutil.rmtree(target, ignore_errors=True)
                with source.open("rb") as archive:
                    unpack(archive, target)
                _let_everybody_in(target)
            else:
                shutil.copyfile(source, target)
                target.chmod(0o644)
        except FileNotFoundError as exc:
            raise ArtifactNotFoundError(key) from exc
        except OSError as exc:
            raise OgdcError(f"Artifact {key!r} cannot be staged: {exc}.") from exc


def _let_everybody_in(directory: Path) -> None:
    """Open the directories; a task may run as a user of its own, and this process's umask may be strict."""
    for path in (directory, *directory.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
