"""Stopping a workflow of which a task has failed, where its recipe wants that (`fail_fast`).

Argo does not do it: `failFast` of a DAG is about its branches, and starts all tasks of a fan-out whatever
becomes of the first; `failFast` of a template takes for a failure what is but an attempt to be repeated.
So it is done by whoever hears of the failure first.

Source: workflow/controller of argo-workflows 4.1, dag.go (assessDAGPhase) and node_counters.go
(getUnsuccessfulChildren).
"""

from __future__ import annotations

import logging

from ogdc_shared.argo.state import WorkflowState
from ogdc_shared.context import Context
from ogdc_shared.db.heard import ask_again
from ogdc_shared.errors import OgdcError, RunStateError

_log = logging.getLogger(__name__)


def stop_if_doomed(context: Context, state: WorkflowState) -> bool:
    """Stop a workflow that has failed already; call it with what the record took for the newest state.

    Where Argo does not answer, or not to this service, the run is left to whoever asks about it next.

    Returns:
        False: it goes on, and is left to others.
    """
    if not state.is_doomed:
        return True
    try:
        context.argo.terminate(state.name)
    except RunStateError:
        pass  # it has ended, or is gone
    except OgdcError as exc:
        _log.warning("run %s has failed and goes on, since it could not be stopped: %s", state.name, exc)
        with context.database.reader() as conn:
            ask_again(conn, state.name)
        return False
    return True
