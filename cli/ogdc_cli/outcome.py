"""Formatting the outcome of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ogdc_cli.amounts import counted
from ogdc_cli.tasklog import plain
from ogdc_cli.terminal import one_line
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.phases import TERMINAL_PHASES, Phase

if TYPE_CHECKING:
    from ogdc_shared.api.answers import Run, RunDetail


def outcome(run: RunDetail) -> str:
    """Return where a run's result is, or why there is none."""
    name = run.name
    if run.status != Phase.SUCCEEDED:
        return failure(run)
    if policy_of(run.output_type).is_zip:
        where = removed(run, link="output") or f"Fetch the result with: ogdc-runner get-output {name}"
    else:
        where = f"Published as {run.recipe_id}/ on the workflow volume."
    return "\n".join((f"{name}: Succeeded. {where}", *package(run), *warnings(run)))


def status(run: Run) -> str:
    """Return a run's status, whether it is queued or was cancelled, and its number of warnings."""
    notes = ["queued"] if run.waiting_since else ["cancelled"] if run.cancelled_at else []
    notes += [counted(run.warning_count, "warning")] if run.warning_count else []
    return ", ".join((run.status, *notes))


def parameters(run: RunDetail) -> list[str]:
    """What the recipe's parameters were, a line each."""
    return [
        one_line(f"  {name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
        for name, value in run.parameters.items()
    ]


def package(run: Run) -> list[str]:
    """Return a line with the published package; empty if there is none."""
    if run.package is None:
        return []
    return [one_line(f"Published as {run.package.identifier}: {run.package.url}")]


def warnings(run: RunDetail) -> list[str]:
    """What a run warns of, a line each; the last one says how many more there are."""
    lines = [f"warning: {one_line(warning.message)}" for warning in run.warnings]
    more = run.warning_count - len(lines)
    if more <= 0:
        return lines
    return [*lines, f"{counted(more, 'warning')}{' more' if lines else ''}: ogdc-runner logs {run.name}"]


def failure(run: Run) -> str:
    """Return why a run has no result, and what to look at."""
    name = run.name
    reason = plain(run.message or ("It was cancelled." if run.cancelled_at else "No reason is known."))
    reason = reason.replace("\n", "\n  ")
    more = removed(run) or f"See what it wrote: ogdc-runner logs {name}"
    return f"{name}: {run.status}. {reason}\n{more}"


def cancelling(run: Run) -> str:
    """Return what happens to a run after `cancel`."""
    if run.status in TERMINAL_PHASES:
        return f"Cancelled {run.name}."
    return f"Cancelling {run.name}. Its tasks are being stopped."


def retrying(run: Run) -> str:
    """Return what happens to a run after `retry`."""
    return f"Retrying {run.name}. See how it goes with: ogdc-runner watch {run.name}"


def removed(run: Run, *, link: str = "logs") -> str:
    """Return when a run's artifacts were removed; empty if the one behind `link` is kept."""
    if run.deleted_at is None or link in run.links:
        return ""
    return f"Its logs and artifacts were removed at {run.deleted_at:%Y-%m-%d %H:%M} UTC."
