"""How a run ended, in words."""

from __future__ import annotations

from typing import Any

from ogdc_cli.tasklog import plain


def outcome(run: dict[str, Any]) -> str:
    """Say where a run's result is, or why there is none."""
    name = run["name"]
    if run["status"] != "Succeeded":
        return failure(run)
    if run["output_type"] == "temporary":
        return f"{name}: Succeeded. Fetch the result with: ogdc-runner get-output {name}"
    return f"{name}: Succeeded. Published as {run['recipe_id']}/ on the workflow volume."


def failure(run: dict[str, Any]) -> str:
    """Say why a run has no result, and what to look at."""
    name = run["name"]
    reason = plain(run.get("message") or "No reason is known.").replace("\n", "\n  ")
    return f"{name}: {run['status']}. {reason}\nSee what it wrote: ogdc-runner logs {name}"
