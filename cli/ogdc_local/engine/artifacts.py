"""A pod's artifacts: from the store to files it can mount, and back."""

from __future__ import annotations

import hashlib
import stat
import threading
from collections import defaultdict
from pathlib import Path

from ogdc_shared.errors import OgdcError
from ogdc_shared.recipe.bundle import unpack
from ogdc_shared.removal import remove
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.storage.store import ArtifactNotFoundError
from ogdc_shared.walking import walk


class Artifacts:
    """One workflow's input artifacts: files as they are stored, and archives unpacked once for all pods."""

    def __init__(self, store: DirectoryStore, directory: Path, *, shared: bool) -> None:
        """Nothing is made yet.

        Args:
            store: The artifact store, in a directory that keeps others out.
            directory: This workflow's own, for what is unpacked.
            shared: Whether pods run as another user, who has to be able to read.
        """
        self._shared = shared
        self._store = store
        self._directory = directory
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def staged(self, key: str, *, unpacked: bool) -> Path:
        """An artifact for pods to read: a file, a directory of some, or what a tar.gz unpacks to.

        Raises:
            OgdcError: there is no such artifact, or it cannot be unpacked.
        """
        try:
            return self._unpacked(key) if unpacked else self._file(key)
        except FileNotFoundError as exc:
            raise ArtifactNotFoundError(key) from exc
        except OSError as exc:
            raise OgdcError(f"Artifact {key!r} cannot be staged: {exc}.") from exc

    def _file(self, key: str) -> Path:
        path = self._store.path(key)
        for each in [path, *path.iterdir()] if path.is_dir() else [path]:
            self._let_read(each)
        return path

    def _let_read(self, path: Path) -> None:
        mode = path.stat().st_mode
        wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
        if self._shared and mode & wanted != wanted:
            path.chmod(stat.S_IMODE(mode) | wanted)

    def _unpacked(self, key: str) -> Path:
        path = self._directory / hashlib.sha256(key.encode()).hexdigest()[:32]
        with self._locks[key]:
            if not path.exists():
                partial = path.with_suffix(".part")
                remove(partial)
                self._directory.mkdir(parents=True, exist_ok=True)
                with self._store.path(key).open("rb") as archive:
                    unpack(archive, partial)
                _let_everybody_in(partial)
                partial.rename(path)
        return path


def _let_everybody_in(directory: Path) -> None:
    """Open the directories; a task may run as a user of its own, and this process's umask may be strict."""
    directory.chmod(0o755)
    for _, entry in walk(str(directory)):
        if entry.is_dir(follow_symlinks=False):
            Path(entry.path).chmod(0o755)
