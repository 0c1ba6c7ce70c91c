"""Starting a task before its turn: it imports its modules while its dependencies still run, then waits."""

from __future__ import annotations

import os

_TRY_AGAIN = 75
"""EX_TEMPFAIL, so that a process that never got its turn does not look successful."""


def await_turn(gate: int) -> None:
    """Import the modules that `publish` uses, and return when it is this task's turn.

    If the parent closes the gate or dies first, this process exits.

    Args:
        gate: A file descriptor. The parent writes one byte to it when it is this task's turn.
    """
    from ogdc_shared import items, json_text  # noqa: F401
    from ogdc_shared.provenance import crate, description, task_facts  # noqa: F401
    from ogdc_shared.stac import catalog, item  # noqa: F401
    from ogdc_worker import arguments  # noqa: F401
    from ogdc_worker.reuse import collection, harvest, store  # noqa: F401

    if not os.read(gate, 1):
        os._exit(_TRY_AGAIN)
    os.close(gate)
