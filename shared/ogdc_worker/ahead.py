"""A task that was begun before its turn, while what it depends on runs: it is ready, and has done nothing."""

from __future__ import annotations

import os

_TRY_AGAIN = 75
"""EX_TEMPFAIL: whatever happens, this is no success."""


def await_turn(gate: int) -> None:
    """Import what `publish` uses, and return once it is its turn.

    Where that never comes, whoever began this has closed the other end of the gate, or has ended; then the
    process ends as well.

    Args:
        gate: A descriptor, of which a byte can be read when it is its turn.
    """
    from ogdc_shared import items, json_text  # noqa: F401
    from ogdc_shared.provenance import crate, description, task_facts  # noqa: F401
    from ogdc_shared.stac import catalog, item  # noqa: F401
    from ogdc_worker import arguments  # noqa: F401
    from ogdc_worker.reuse import collection, harvest, store  # noqa: F401

    if not os.read(gate, 1):
        os._exit(_TRY_AGAIN)
    os.close(gate)
