"""Output for GitHub Actions: annotations, step outputs, a summary.

Everything is written to stderr or to the files that GitHub provides. The runner reads stdout and stderr
separately, so commands on one and progress on the other would be shown out of order.

Source: docs.github.com, "Workflow commands for GitHub Actions"; actions/runner,
src/Runner.Common/ActionCommand.cs and src/Runner.Worker/FileCommandManager.cs.
"""

from __future__ import annotations

import html
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ogdc_cli.terminal import say

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_RESUME: ContextVar[str | None] = ContextVar("resume", default=None)
"""The word after which the runner obeys commands again, or None if it does."""
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def annotate(level: str, message: str, **properties: str | int | None) -> None:
    """Show a message on the workflow run's page and, with `file`, beside the line it is about.

    Args:
        level: `error`, `warning` or `notice`.
        message: Any text.
        properties: `title`, `file` (relative to the workspace), `line`, `col`; None is skipped.
    """
    given = ",".join(
        f"{name}={str(value).translate(_PROPERTY)}" for name, value in properties.items() if value is not None
    )
    _print(f"::{level}{' ' * bool(given)}{given}::{message.translate(_DATA)}")


@contextmanager
def commands_ignored() -> Iterator[None]:
    """Make the runner print the block's output without executing commands in it.

    Output of a recipe's commands may look like a workflow command, even within a line (`##[…]`).
    """
    before = _RESUME.set(_stop_commands())
    try:
        yield
    finally:
        _print(f"::{_RESUME.get()}::")
        _RESUME.reset(before)


def mask(secret: str) -> None:
    """Have the runner mask a secret from now on, even while it ignores commands.

    While commands are ignored, they are resumed for this one line, and a new resume word is set afterwards.
    """
    resume = _RESUME.get()
    if resume:
        _print(f"::{resume}::")
    _print(f"::add-mask::{secret.translate(_DATA)}")
    if resume:
        _RESUME.set(_stop_commands())


def _stop_commands() -> str:
    """Have the runner obey nothing until the word that is returned comes."""
    resume = secrets.token_hex(16)
    _print(f"::stop-commands::{resume}")
    return resume


def set_outputs(**values: str) -> None:
    """Set outputs of the step; nothing in a value can end it or begin another output."""
    lines = []
    for name, value in values.items():
        end = f"end-{secrets.token_hex(16)}"
        lines += [f"{name}<<{end}", value, end]
    _append("GITHUB_OUTPUT", lines)


def summarize(heading: str, rows: Mapping[str, str], text: str) -> None:
    """Add a table and a text to the workflow run's summary, escaped so that nothing is Markdown."""
    table = [f"| {name} | {_literal(value)} |" for name, value in rows.items()]
    lines = [f"### {_literal(heading)}", "", "| | |", "| --- | --- |", *table, ""]
    _append("GITHUB_STEP_SUMMARY", [*lines, f"<pre>{html.escape(text)}</pre>", ""])


def _literal(text: str) -> str:
    return "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in " ".join(text.split()))


def _append(variable: str, lines: list[str]) -> None:
    """Append to a file of the runner's; does nothing outside of a runner."""
    if name := os.environ.get(variable):
        with Path(name).open("a", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)


def _print(line: str) -> None:
    say(line, err=True)
