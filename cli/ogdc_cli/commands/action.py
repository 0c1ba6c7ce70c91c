"""The command that action.yml runs."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this command to `app`; it is for GitHub, so `--help` does not list it."""
    app.command("github-action", hidden=True)(github_action)


def github_action() -> None:
    """Submit a recipe as a step of a GitHub workflow; docs/github-action.md says how."""
    from ogdc_cli.action import perform

    if not perform():
        raise typer.Exit(1)
