"""Transfers what a pod prints to its log, which has a size limit.

A pod writes to a pipe, and a thread reads from it into the log. So a command that prints endlessly does not
fill the disk, and a full disk does not block a command that prints. Of a log that becomes too long, the
beginning and the end are kept, with a line in between that says how much is missing.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from ogdc_shared.bounded_log import BoundedLog
from ogdc_shared.file_lock import lock_within

_PIPE_BYTES = 1024 * 1024
_PIECE = 64 * 1024
"""Bytes read at once. Clearing a buffer for much more would take longer than the rest of a short log."""
_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)
_TRIED_AGAIN = b"[ogdc-runner] What follows is of another try.\n"
_LEFTOVER_SECONDS = 30.0
_POLL_SECONDS = 0.02
_DRAIN_SECONDS = 2.0


class Output:
    """The log of one running pod.

    Attributes:
        writer: Descriptor that the pod writes to.
        mark: Descriptor of an empty, locked file that every process of the pod inherits. After a crash of the
            engine, acquiring the lock proves that no process of the earlier pod is left, so that two pods
            never work in one directory.
    """

    def __init__(self, path: Path, *, limit: int, resumed: bool) -> None:
        """Open the log once no process of an earlier engine's pod is left, and start reading.

        Args:
            path: Path of the log; the mark is beside it.
            limit: Size limit of the log, in bytes.
            resumed: Whether the same try continues; otherwise an existing log is of an earlier try.

        Raises:
            OSError: it cannot be opened, or an earlier process does not end.
        """
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.mark = os.open(mark_of(path), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o400)
        try:
            _lock(self.mark)
            self._log = BoundedLog(str(path), limit=limit, setting="OGDC_LOG_LIMIT")
            if self._log.size and not resumed:
                self._log.write(memoryview(_TRIED_AGAIN))
        except BaseException:
            os.close(self.mark)
            raise
        reader, self.writer = os.pipe()
        _enlarge(reader)
        self._thread = threading.Thread(
            target=self._read, args=(reader,), name="ogdc-engine-log", daemon=True
        )
        self._thread.start()

    def release(self) -> None:
        """Close this process's copies of the pod's descriptors."""
        os.close(self.writer)
        os.close(self.mark)

    def finish(self) -> None:
        """Wait until everything that the ended pod printed is in the log."""
        self._thread.join(_DRAIN_SECONDS)
        mark_of(self._path).unlink(missing_ok=True)

    def _read(self, reader: int) -> None:
        piece = bytearray(_PIECE)
        try:
            while size := os.readv(reader, [piece]):
                self._log.write(memoryview(piece)[:size])
        finally:
            os.close(reader)
            self._log.close()


def mark_of(log: Path) -> Path:
    """Return the path of the file that is locked while the pod is alive."""
    return log.with_suffix(".alive")


def _enlarge(pipe: int) -> None:
    """Enlarge a pipe's buffer, so that programs with much output block less often; only possible on Linux."""
    if _PIPE_SIZE is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, _PIPE_SIZE, _PIPE_BYTES)


def _lock(mark: int) -> None:
    if not lock_within(mark, seconds=_LEFTOVER_SECONDS, poll_seconds=_POLL_SECONDS):
        raise OSError("an earlier process of this task does not end")
