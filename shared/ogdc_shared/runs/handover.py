"""Handing over a recorded run to Argo, and recording Argo's response.

The row is written first and contains the manifest. The workflow gets the run's name, so creating it again is
harmless, and a run that may not have arrived is simply sent again.
"""

from __future__ import annotations

import logging
from typing import Any

from ogdc_shared.argo.state import read_workflow
from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run, get_run
from ogdc_shared.db.submissions import get_manifest, record_handover, record_refusal
from ogdc_shared.db.workflow_state import clear_refresh, forget_version, record_absence, record_state
from ogdc_shared.errors import ArgoRefusedError, OgdcError
from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.runs.end import note_end
from ogdc_shared.runs.fail_fast import enforce_fail_fast

_log = logging.getLogger(__name__)


def hand_over(context: Context, manifest: dict[str, Any]) -> None:
    """Create a recorded run's workflow in Argo unless it exists, and record that Argo has it.

    Raises:
        ArgoUnavailableError: Argo did not respond; `maybe_done` says whether it may have the workflow.
        OgdcError: Argo rejected the workflow.
    """
    name = manifest["metadata"]["name"]
    created = context.argo.create(manifest)
    try:
        with context.database.autocommit() as conn:
            record_handover(conn, name, uid=created["metadata"]["uid"])
    except OgdcError as exc:
        _log.warning("run %s is at Argo and could not be marked so; events or the sweep will: %s", name, exc)


def ensure_handed_over(context: Context, run: Run) -> None:
    """Hand over a recorded run that Argo is not known to have, unless it is queued.

    A run that Argo rejects ends as Error; otherwise it would be retried, and keep its place, forever.

    Raises:
        OgdcError: as for `hand_over`.
    """
    if run.handed_over_at is not None or run.status in TERMINAL_PHASES or run.waits:
        return
    with context.database.autocommit() as conn:
        manifest = get_manifest(conn, run.name)
    try:
        hand_over(context, manifest)
    except ArgoRefusedError as exc:
        with context.database.autocommit() as conn:
            record_refusal(conn, run.name, message=str(exc))
        raise


def reconcile(context: Context, name: str) -> bool:
    """Read a run from Argo and update the record; False if nothing changed.

    Raises:
        ArgoUnavailableError: Argo does not respond.
        DatabaseUnavailableError: PostgreSQL does not respond.
    """
    with context.database.autocommit() as conn:
        recorded = get_run(conn, name).resource_version
    workflow = context.argo.get(name)
    state = None if workflow is None else read_workflow(workflow)
    with context.database.transaction() as conn:
        if state is not None and state.resource_version < recorded:
            forget_version(conn, name, version=recorded)
        applied = record_absence(conn, name) if state is None else record_state(conn, state)
        clear_refresh(conn, name)
    note_end(context, name, applied)
    if state is not None:
        enforce_fail_fast(context, state)
    return applied.after is not None
