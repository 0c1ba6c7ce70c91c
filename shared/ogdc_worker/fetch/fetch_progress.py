"""Periodic progress reports while a partition's inputs are fetched."""

from __future__ import annotations

import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ogdc_shared.plan import InputFile

FIRST_SECONDS, MAX_SECONDS = 1.0, 30.0
"""Seconds before the first report, and the longest interval between reports."""


class FetchProgress:
    """Counts what several threads have fetched; as a context manager, it reports from a thread of its own."""

    def __init__(self, files: int, on_progress: Callable[..., None]) -> None:
        """Reporting starts on entering the context.

        Args:
            files: Number of files.
            on_progress: Called from a separate thread with these keyword arguments: `source` (the file that
                was started first of those under way), `bytes` fetched in total, `rate` (bytes per second
                since the last report), `file_bytes` of this file and its `size` (None if unknown), `done` and
                `of` (files).
        """
        self._files = files
        self._on_progress = on_progress
        self._lock = Lock()
        self._bytes = 0
        self._done = 0
        self._at_work: dict[int, tuple[str, int, int | None]] = {}
        self._over = Event()
        self._thread = Thread(target=self._report, name="fetch-progress", daemon=True)

    def __enter__(self) -> FetchProgress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def of(self, number: int, file: InputFile) -> Callable[[int, int | None], None]:
        """Register a file; returns a function to be called with its bytes so far and its size if known."""

        def note(have: int, size: int | None) -> None:
            with self._lock:
                _, had, _ = self._at_work.get(number, ("", 0, None))
                self._bytes += max(0, have - had)
                self._at_work[number] = (file.source, have, file.size if size is None else size)

        note(0, None)
        return note

    def finished(self, number: int) -> None:
        """Count a finished file."""
        with self._lock:
            self._at_work.pop(number, None)
            self._done += 1

    def facts(self, *, seconds: float, since: int) -> dict[str, Any]:
        """Return the fields of a report; `since` is the total of bytes at the last one, `seconds` ago."""
        with self._lock:
            source, have, size = next(iter(self._at_work.values()), ("", 0, None))
            facts = {"source": source, "file_bytes": have, "size": size, "bytes": self._bytes}
            return facts | {
                "rate": round((self._bytes - since) / seconds),
                "done": self._done,
                "of": self._files,
            }

    def _report(self) -> None:
        pause, bytes_before, reported_at = FIRST_SECONDS, 0, time.monotonic()
        while not self._over.wait(pause):
            now = time.monotonic()
            facts = self.facts(seconds=now - reported_at, since=bytes_before)
            if facts["source"]:
                self._on_progress(**facts)
            bytes_before, reported_at = facts["bytes"], now
            pause = min(pause * 1.5, MAX_SECONDS)
