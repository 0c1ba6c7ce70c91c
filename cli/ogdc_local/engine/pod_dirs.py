"""Directories for pods, reused by one pod of a workflow after another.

A file system has to find space for every new file and directory, and ext4 avoids space that was freed within
the last seconds. For short tasks, emptying a directory is much cheaper than removing and recreating one.
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
"""Name prefix of the file for an output artifact that is on no volume; it is mounted in the pod."""
_OWN = ("argo", "tmp", "credentials")
_VOLUMES = "volumes"


class PodDirs:
    """The directories of one workflow's pods.

    A pod's directory and its `volumes` belong to the engine. Pods only see, and can fill, the directories in
    them.
    """

    def __init__(self, directory: Path) -> None:
        """Nothing is created yet.

        Args:
            directory: Where to create them.
        """
        self._directory = directory
        self._free: list[Path] = []
        self._taken: dict[str, Path] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._closed = False

    def take(self, pod: str) -> Path:
        """Give a pod an empty directory, which `of` returns until the pod leaves it."""
        with self._lock:
            pod_dir = self._free.pop() if self._free else self._directory / str(next(self._numbers))
            self._taken[pod] = pod_dir
        pod_dir.mkdir(parents=True, exist_ok=True)
        return pod_dir

    def of(self, pod: str) -> Path:
        """Return the directory of a pod that has one."""
        return self._taken[pod]

    def leave(self, pod: str) -> None:
        """Empty a pod's directory for the next pod; if that fails, it is not used again."""
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
        """Stop emptying directories, since they are being removed and may be created anew."""
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
