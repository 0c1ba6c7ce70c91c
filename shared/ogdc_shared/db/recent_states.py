"""A cache of the states of a few large workflows that this process recorded last.

Only the differences from the cached state are sent to the database. If the record has another state,
everything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from ogdc_shared.argo.state import WorkflowState

_LARGE = 500
"""Number of tasks from which a workflow is cached."""
_KEPT = 2
"""Number of states to keep. A workflow with ten thousand tasks takes ten megabytes."""


class RecentStates:
    """The newest recorded states; thread-safe."""

    def __init__(self) -> None:
        self._states: dict[str, WorkflowState] = {}
        self._lock = Lock()

    @contextmanager
    def base_of(self, state: WorkflowState) -> Iterator[WorkflowState | None]:
        """Yield the state to compare with, if any; cache `state` instead if the block ends without an error.

        Large workflows are recorded one at a time, so that the base cannot become outdated meanwhile.
        """
        if len(state.tasks) < _LARGE:
            yield None
            return
        with self._lock:
            base = self._states.get(state.uid)
            yield base
            if base is None or base.resource_version < state.resource_version:
                self._states.pop(state.uid, None)
                self._states[state.uid] = state
                while len(self._states) > _KEPT:
                    del self._states[next(iter(self._states))]
