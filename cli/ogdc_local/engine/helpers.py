"""Threads for slow work, so that the scheduler's thread never waits for a disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_LOG = logging.getLogger(__name__)
_THREADS = 2


class Helpers:
    """Runs functions in the order they were submitted; failures are logged and affect nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ogdc-engine-helper")

    def run(self, work: Callable[..., None], *arguments: object) -> None:
        """Run `work` in a thread as soon as one is free."""

        def guarded() -> None:
            try:
                work(*arguments)
            except Exception:
                _LOG.exception("A chore of the engine failed: %s%s", work.__name__, arguments)

        self._threads.submit(guarded)

    def stop(self) -> None:
        """Wait for all submitted work, and accept no more."""
        self._threads.shutdown()
