"""Submitting a recipe: from a location or a bundle to a workflow in Argo.

The order makes a crash at any point harmless (docs/decisions/0007-submission-outbox.md): artifacts are
written inside the transaction that records the run, Argo is called only after the run is recorded, and the
sweep hands over recorded runs that did not reach Argo.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from ogdc_shared.accounts.limits import check_priority, is_limited, require_room
from ogdc_shared.auth.caller import Caller
from ogdc_shared.context import Context
from ogdc_shared.db.audit import Action, new_act
from ogdc_shared.db.runs import Run, get_run
from ogdc_shared.db.submissions import (
    EarlierRun,
    NewRun,
    earlier_runs,
    find_submission,
    record_submission,
    withdraw,
)
from ogdc_shared.db.users import caller_id
from ogdc_shared.errors import ArgoUnavailableError, LimitError, OgdcError
from ogdc_shared.layout import run_prefix, snapshot_key
from ogdc_shared.recipe.parameters import NOTHING_GIVEN
from ogdc_shared.redact import redact_url
from ogdc_shared.runs.compile import CompiledRun, compiled_recipe, store_artifacts
from ogdc_shared.runs.describe import describe
from ogdc_shared.runs.handover import ensure_handed_over, hand_over
from ogdc_shared.runs.recipes import RecipeSource, opened_recipe
from ogdc_shared.runs.reuse import Reusing
from ogdc_shared.runs.trigger_inputs import SUBMITTED, TriggerInputs
from ogdc_shared.runs.turns import hand_over_released, release
from ogdc_shared.telemetry.base import RUNS_SUBMITTED
from ogdc_shared.telemetry.tracing import within

_MAX_IDS = 1000
"""Maximum number of ids that a process keeps of users without a login."""

_log = logging.getLogger(__name__)


def submit_recipe(
    context: Context,
    *,
    caller: Caller,
    source: RecipeSource,
    parameters: Mapping[str, Any] = NOTHING_GIVEN,
    overwrite: bool = False,
    cache: bool = True,
    fresh: bool = False,
    idempotency_key: str | None = None,
    priority: int = 0,
    trigger_inputs: TriggerInputs = SUBMITTED,
    on_advice: Callable[[tuple[str, ...]], None] = lambda _: None,
) -> Run:
    """Start a run of a recipe, or return the run that the same request started before.

    Args:
        context: The services.
        caller: The user who submits.
        source: The recipe.
        parameters: Values of the recipe's parameters by name (see `recipe.parameters.read_values`).
        overwrite: Whether to replace the recipe's published data.
        cache: Whether to use the cache of inputs. Without it, no results of earlier runs are reused either.
        fresh: Whether to reuse no results of earlier runs.
        idempotency_key: Makes a repeated request harmless: one caller, key and request make one run.
        priority: Runs with a higher priority go first; values above 0 require an admin.
        trigger_inputs: How the run is started, and inputs that are added; must be the same for the same key.
        on_advice: Called with advice for the recipe's author, also if the run already existed.

    Raises:
        InputError: the request is invalid, conflicts with the record or exceeds a limit; nothing was started.
        UnavailableError: a service does not respond. Nothing was started, except for an ArgoUnavailableError
            with `maybe_done`: the run is recorded, and the sweep starts it.
    """
    check_priority(priority, caller=caller)
    request = _request_digest(source, trigger_inputs, overwrite=overwrite, parameters=parameters)
    user_id, earlier = _known(context, caller=caller, idempotency_key=idempotency_key, request=request)
    if earlier is not None:
        return _handed_over(context, earlier, on_advice)
    with (
        opened_recipe(context, source) as recipe,
        compiled_recipe(
            recipe,
            settings=context.settings,
            parameters=parameters,
            overwrite=overwrite,
            cache=cache,
            trigger_inputs=trigger_inputs,
            credentials=context.credentials,
            reusing=_reusing(context, user_id, recipe.id, fresh=fresh or not cache),
        ) as compiled,
    ):
        known = {"idempotency_key": idempotency_key, "request_digest": request, "submitted_by": user_id}
        new = _new_run(compiled, source, recipe_id=recipe.id, overwrite=overwrite, **known)
        new = new._replace(priority=priority, queued=context.settings.queue.is_bounded)
        started_by = trigger_inputs.started_by
        run = _record(context, new=new, compiled=compiled, caller=caller, started_by=started_by)
        on_advice(recipe.advice)
    with within(run=run.name):
        return _started(context, new, run, caller=caller, started_by=started_by)


def _started(context: Context, new: NewRun, run: Run, *, caller: Caller, started_by: str) -> Run:
    """Start a recorded run; if runs are queued, only once it is released."""
    if run.name != new.name:
        ensure_handed_over(context, run)
        return run
    context.telemetry.count(RUNS_SUBMITTED, {"ogdc.run.started_by": started_by})
    _log.info("run %s of recipe %s submitted by %s", new.name, new.recipe_id, caller.name)
    if new.queued:
        return _start_in_turn(context, new)
    _start(context, new)
    return run


def _start_in_turn(context: Context, new: NewRun) -> Run:
    """Release queued runs, and start the new run if it was released."""
    released = release(context)
    hand_over_released(context, (name for name in released if name != new.name))
    if new.name in released:
        _start(context, new)
    with context.database.autocommit() as conn:
        return get_run(conn, new.name)


def _handed_over(context: Context, run: Run, on_advice: Callable[[tuple[str, ...]], None]) -> Run:
    ensure_handed_over(context, run)
    on_advice(_advice(context, run))
    return run


def _request_digest(
    source: RecipeSource, trigger_inputs: TriggerInputs, *, overwrite: bool, parameters: Mapping[str, Any]
) -> str:
    """Return a hash of the request; fields that older versions lack are only included if set."""
    given = f" {json.dumps(dict(parameters), sort_keys=True)}" if parameters else ""
    is_linked = trigger_inputs.started_by == SUBMITTED.started_by  # for triggers, the key identifies inputs
    if is_linked and trigger_inputs.inputs:
        given += f" linked {json.dumps([file.source for file in trigger_inputs.inputs])}"
    return hashlib.sha256(f"{source.digest()} {overwrite}{given}".encode()).hexdigest()


def _advice(context: Context, run: Run) -> tuple[str, ...]:
    """Return the advice on a run's recipe, from its snapshot; empty if that was removed."""
    try:
        snapshot = RecipeSource(bundle=context.store.get(snapshot_key(run.snapshot)))
        with opened_recipe(context, snapshot) as recipe:
            return recipe.advice
    except OgdcError:
        return ()


def _reusing(context: Context, user_id: UUID, recipe_id: str, *, fresh: bool) -> Reusing:
    def find(label: str) -> list[EarlierRun]:
        with context.database.autocommit() as conn:
            return earlier_runs(conn, submitted_by=user_id, recipe_id=recipe_id, label=label)

    return Reusing(user_id, find, fresh=fresh)


def _new_run(compiled: CompiledRun, source: RecipeSource, **known: Any) -> NewRun:
    """Return the row of a compiled run; `known` are the fields not derived from it."""
    division = compiled.division
    return NewRun(
        name=compiled.name,
        recipe_name=compiled.recipe_name,
        recipe_path=source.location and redact_url(source.location),
        snapshot=compiled.snapshot,
        output_type=compiled.output_type,
        partitions=None if division is None else len(division.files),
        manifest=compiled.manifest,
        input_files=None if division is None else len(compiled.files),
        input_bytes=None if division is None else division.total_size(),
        parameters=compiled.parameters,
        parallelism=compiled.parallelism,
        **known,
    )


def _known(
    context: Context, *, caller: Caller, idempotency_key: str | None, request: str
) -> tuple[UUID, Run | None]:
    """Return the caller's id, and the run that the same request made before, if any."""
    user_id, earlier = caller.user_id or context.user_ids.get((caller.issuer, caller.subject)), None
    if user_id is not None and idempotency_key is None and not is_limited(context.settings):
        return user_id, None
    with context.database.autocommit() as conn:
        user_id = user_id or caller_id(conn, caller)
        if caller.user_id is None and len(context.user_ids) < _MAX_IDS:
            context.user_ids[caller.issuer, caller.subject] = user_id
        if idempotency_key is not None:
            earlier = find_submission(
                conn, submitted_by=user_id, idempotency_key=idempotency_key, request_digest=request
            )
        if earlier is None:
            require_room(conn, user_id, settings=context.settings)
    return user_id, earlier


def _record(context: Context, *, new: NewRun, compiled: CompiledRun, caller: Caller, started_by: str) -> Run:
    try:
        with context.database.transaction() as conn:
            replaced = {"overwrite": True} if new.overwrite else {}
            known = {"recipe": new.recipe_id, "started_by": started_by}
            run = record_submission(conn, new, act=new_act(Action.SUBMIT, caller=caller, **known, **replaced))
            if run.name == new.name:
                description = describe(run, compiled, caller=caller).to_json().encode()
                store_artifacts(context.store, compiled, description=description)
                require_room(conn, run.owner_id, settings=context.settings, but=run.name, locked=True)
    except LimitError:
        context.store.delete_prefix(run_prefix(new.name))
        raise
    except Exception:
        context.user_ids.clear()  # the database may have been replaced
        raise
    return run


def _start(context: Context, new: NewRun) -> None:
    """Hand a new run over; if Argo certainly does not have it, remove everything of it."""
    try:
        hand_over(context, new.manifest)
    except OgdcError as exc:
        if isinstance(exc, ArgoUnavailableError) and exc.maybe_done:
            raise ArgoUnavailableError(
                f"Argo has not confirmed run {new.name}. It is recorded and will be started without "
                f"another submission: see `ogdc-runner status {new.name}`.",
                maybe_done=True,
            ) from exc
        _take_back(context, new.name)
        raise


def _take_back(context: Context, name: str) -> None:
    with context.database.transaction() as conn:
        withdrawn = withdraw(conn, name)
    if withdrawn:
        context.store.delete_prefix(run_prefix(name))
