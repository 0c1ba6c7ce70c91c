"""A pod's artifacts: staging them from the store for mounting."""

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
    """The input artifacts of one workflow: stored files, and archives that are unpacked once for all pods."""

    def __init__(self, store: DirectoryStore, directory: Path, *, shared: bool) -> None:
        """Store the arguments; nothing is created yet.

        Args:
            store: The artifact store.
            directory: Directory of this workflow for unpacked archives.
            shared: Whether pods run as another user, who needs read access.
        """
        self._shared = shared
        self._store = store
        self._directory = directory
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def staged(self, key: str, *, unpacked: bool) -> Path:
        """Return a readable path of an artifact: a file, a directory of files, or an unpacked tar.gz.

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
    """Make directories accessible to the task's user, since this process may have a strict umask."""
    directory.chmod(0o755)
    for _, entry in walk(str(directory)):
        if entry.is_dir(follow_symlinks=False):
            Path(entry.path).chmod(0o755)
