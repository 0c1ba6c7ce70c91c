"""How far the fetching of a partition's inputs is, reported now and then while it lasts."""

from __future__ import annotations

import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ogdc_shared.plan import InputFile

FIRST_SECONDS, MAX_SECONDS = 1.0, 30.0
"""From the beginning to the first word, and between two of a fetch that takes long."""


class FetchProgress:
    """Counts what several threads have fetched, and reports it inside its block."""

    def __init__(self, files: int, on_progress: Callable[..., None]) -> None:
        """Nothing is reported yet.

        Args:
            files: How many there are.
            on_progress: Called by a thread of its own with facts by name: `source` (the file at work
                longest), `bytes` fetched in all and `rate` (bytes a second since the last time),
                `file_bytes` of this file and `size` of all of it (None: not known), `done` and `of` (files).
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
        """Begin with a file; what is returned takes how many bytes there are, and of how many."""

        def note(have: int, size: int | None) -> None:
            with self._lock:
                _, had, _ = self._at_work.get(number, ("", 0, None))
                self._bytes += max(0, have - had)
                self._at_work[number] = (file.source, have, file.size if size is None else size)

        note(0, None)
        return note

    def finished(self, number: int) -> None:
        """Count a file that is there."""
        with self._lock:
            self._at_work.pop(number, None)
            self._done += 1

    def facts(self, *, seconds: float, since: int) -> dict[str, Any]:
        """Say how far it is; `since` is how many bytes there were so many `seconds` ago."""
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
