"""Deploying processes, by users or by a setting.

Source: OGC 20-044 (draft), deploy, replace, undeploy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from ogdc_shared.auth.caller import Caller
from ogdc_shared.context import Context
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.users import caller_id
from ogdc_shared.errors import (
    ImmutableProcessError,
    InvalidRequestError,
    OgdcError,
    UnsupportedError,
)
from ogdc_shared.layout import snapshot_key
from ogdc_shared.processes import record
from ogdc_shared.processes.echo_process import DIRECTORY, LOCATION, echo_description
from ogdc_shared.processes.record import NewProcess, Process
from ogdc_shared.redact import redact_url

if TYPE_CHECKING:
    from ogdc_shared.recipe.recipe import Recipe
    from ogdc_shared.runs.recipes import RecipeSource

_READ_EVERY = 300.0
"""Seconds; sweeps come more often, and servers of recipes are somebody else's."""
_log = logging.getLogger(__name__)


def deploy_process(context: Context, source: RecipeSource, *, caller: Caller) -> Process:
    """Offer a recipe as a process.

    Raises:
        ProcessExistsError: there is one of that id.
        InputError: the recipe cannot be read, or not be a process.
        UnavailableError: a part is away; nothing was recorded.
    """
    new = _prepared(context, source)
    with context.database.transaction() as conn:
        process = record.add_process(conn, new._replace(owner=caller_id(conn, caller)))
        record_act(conn, Action.DEPLOY, process.id, caller=caller, snapshot=process.snapshot)
    return process


def replace_process(
    context: Context, process_id: str, source: Callable[[], RecipeSource], *, caller: Caller
) -> None:
    """Replace the recipe of a process; jobs that are running keep the old one.

    `source` is called only once the caller is known to be allowed to replace the process.

    Raises:
        UnknownProcessError: there is no process of that id.
        ForbiddenError: the process belongs to somebody else, or comes from a setting.
        InvalidRequestError: the new recipe has another id.
    """
    _own_process(context, process_id, caller=caller)
    new = _prepared(context, source())
    if new.id != process_id:
        raise InvalidRequestError(
            f"The recipe's id is {new.id!r}, not {process_id!r}; deploy it as a separate process."
        )
    with context.database.transaction() as conn:
        record.replace_process(conn, new)
        record_act(conn, Action.DEPLOY, process_id, caller=caller, snapshot=new.snapshot, replaced=True)


def undeploy_process(context: Context, process_id: str, *, caller: Caller) -> None:
    """Remove a process; its jobs and what they published remain.

    Raises:
        UnknownProcessError: there is no process of that id.
        ForbiddenError: the process belongs to somebody else, or comes from a setting.
    """
    _own_process(context, process_id, caller=caller)
    with context.database.transaction() as conn:
        record.remove_process(conn, process_id)
        record_act(conn, Action.UNDEPLOY, process_id, caller=caller)


def offer_configured(context: Context) -> None:
    """Make the offered processes match the settings OGDC_PROCESSES and OGDC_ECHO_PROCESS.

    A process whose recipe cannot be read is left unchanged. Does nothing if called again too soon.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    if monotonic() - context.processes_read_at < _READ_EVERY:
        return
    wanted = {redact_url(each): partial(_configured, context, each) for each in context.settings.processes}
    if context.settings.echo_process:
        wanted[LOCATION] = partial(_echo, context)
    for location, prepared in wanted.items():
        try:
            new = prepared()
        except OgdcError as exc:
            _log.warning("OGDC_PROCESSES: %s", exc)
            continue
        with context.database.autocommit() as conn:
            if not record.offer_process(conn, new._replace(location=location)):
                _log.warning("OGDC_PROCESSES: somebody has deployed another process %s", new.id)
    with context.database.autocommit() as conn:
        record.withdraw_processes(conn, locations=[*wanted])
    context.processes_read_at = monotonic()


def _configured(context: Context, location: str) -> NewProcess:
    from ogdc_shared.runs.recipes import RecipeSource

    return _prepared(context, RecipeSource(location=location))


def _echo(context: Context) -> NewProcess:
    from ogdc_shared.recipe.bundle import pack
    from ogdc_shared.runs.recipes import RecipeSource

    prepared = _prepared(context, RecipeSource(bundle=pack(DIRECTORY)))
    return prepared._replace(description=echo_description())


def _prepared(context: Context, source: RecipeSource) -> NewProcess:
    """Check a recipe and keep its bundle, which stays if nothing comes of it: it may be some run's."""
    from ogdc_shared.processes.description import describe_process
    from ogdc_shared.recipe.bundle import digest, pack
    from ogdc_shared.runs.recipes import opened_recipe

    with opened_recipe(context, source) as recipe:
        _check(recipe)
        bundle = pack(recipe.directory)
        new = NewProcess(recipe.id, digest(bundle), describe_process(recipe))
    if context.store.size(snapshot_key(new.snapshot)) != len(bundle):
        context.store.put(snapshot_key(new.snapshot), bundle)
    return new


def _check(recipe: Recipe) -> None:
    from ogdc_shared.processes.description import own_inputs
    from ogdc_shared.recipe.recipe import output_refusal

    if problem := output_refusal(recipe.meta):
        raise UnsupportedError(problem)
    taken = own_inputs(recipe)
    for position, parameter in enumerate(recipe.meta.parameters):
        if parameter.name in taken:
            raise UnsupportedError(
                f"meta.yml: parameters[{position}].name: {parameter.name!r} is also the name of another "
                "input of the process; choose another name."
            )


def _own_process(context: Context, process_id: str, *, caller: Caller) -> None:
    with context.database.autocommit() as conn:
        process = record.get_process(conn, process_id)
    if process.owner_id is None:
        raise ImmutableProcessError(process_id)
    caller.require_own(process.owner_id, f"Process {process_id} ({process.owner})")
