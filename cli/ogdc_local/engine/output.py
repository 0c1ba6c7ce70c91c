"""What a pod prints, on its way into its log, which has a limit.

A pod writes to a pipe, and a thread of its own here reads it into the log. So a command that prints without
end fills no disk, and one that prints when the disk is full is not stopped by it. Of a log that becomes too
long the beginning and the end are kept, with a line between them that says how much is missing.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from ogdc_shared.bounded_log import BoundedLog
from ogdc_shared.file_lock import lock_within

_PIECE = 1024 * 1024
_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)
_TRIED_AGAIN = b"[ogdc-runner] What follows is of another try.\n"
_LEFTOVER_SECONDS = 30.0
_POLL_SECONDS = 0.02
_DRAIN_SECONDS = 2.0


class Output:
    """The log of one pod while it runs.

    Attributes:
        writer: Where the pod writes.
        mark: An empty file, open and locked, that every process of the pod keeps open. Holding its lock says
            that none is left of a pod that ran when the engine was killed, so that two never work in one
            directory.
    """

    def __init__(self, path: Path, *, limit: int, resumed: bool) -> None:
        """Open the log, once nothing of an earlier engine's pod is left, and begin to read.

        Args:
            path: The log; the mark is beside it.
            limit: Bytes the log may have.
            resumed: Whether it is the same try that goes on; else what is there is of an earlier one.

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
        """Leave what the pod writes to, and its mark, to the pod alone."""
        os.close(self.writer)
        os.close(self.mark)

    def finish(self) -> None:
        """Return once all that an ended pod has printed is in the log."""
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
    """The file whose lock says that a pod is alive."""
    return log.with_suffix(".alive")


def _enlarge(pipe: int) -> None:
    """Let a pipe hold a piece, so that a talkative program is not stopped every 64 KiB; Linux alone can."""
    if _PIPE_SIZE is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, _PIPE_SIZE, _PIECE)


def _lock(mark: int) -> None:
    if not lock_within(mark, seconds=_LEFTOVER_SECONDS, poll_seconds=_POLL_SECONDS):
        raise OSError("an earlier process of this task does not end")
