"""Directories for pods, each used by one pod of a workflow after the other.

A file system has to look for room for every new file and directory, and ext4 keeps away from what was freed
within seconds. So for tasks that are over in a blink, emptying a directory is a good deal cheaper than making
and removing one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from ogdc_shared.removal import empty, remove

_MESSAGE = "message"
OUTPUT = "output-"
"""Before the name of an output artifact: a file like the message, which a pod sees elsewhere."""
_OWN = ("argo", "tmp", "credentials")
_VOLUMES = "volumes"


class PodDirs:
    """The directories of one workflow's pods.

    A pod's directory and its `volumes` belong to the engine; a pod sees, and may have filled, those in them.
    """

    def __init__(self, directory: Path) -> None:
        """Nothing is made yet.

        Args:
            directory: Where to make them.
        """
        self._directory = directory
        self._free: list[Path] = []
        self._taken: dict[str, Path] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._closed = False

    def take(self, pod: str) -> Path:
        """Give a pod an empty directory; what it is in is in `of` until the pod leaves."""
        with self._lock:
            pod_dir = self._free.pop() if self._free else self._directory / str(next(self._numbers))
            self._taken[pod] = pod_dir
        pod_dir.mkdir(parents=True, exist_ok=True)
        return pod_dir

    def of(self, pod: str) -> Path:
        """The directory of a pod that has one."""
        return self._taken[pod]

    def leave(self, pod: str) -> None:
        """Empty a pod's directory for the next; one that cannot be emptied is given up."""
        with self._lock:
            if self._closed:
                return
            pod_dir = self._taken.pop(pod)
        try:
            _empty(pod_dir)
        except OSError:
            with suppress(OSError):
                remove(pod_dir)
        else:
            with self._lock:
                self._free.append(pod_dir)

    def close(self) -> None:
        """Leave all directories as they are: they are removed, and others of the same names may follow."""
        with self._lock:
            self._closed = True


def _empty(pod_dir: Path) -> None:
    for directory in _used(pod_dir):
        directory.chmod(0o755)
        empty(directory)
    for file in (pod_dir / _MESSAGE, *pod_dir.glob(f"{OUTPUT}*")):
        os.truncate(file, 0)


def _used(pod_dir: Path) -> Iterator[Path]:
    yield from (pod_dir / name for name in _OWN if (pod_dir / name).exists())
    if (pod_dir / _VOLUMES).exists():
        yield from (pod_dir / _VOLUMES).iterdir()
