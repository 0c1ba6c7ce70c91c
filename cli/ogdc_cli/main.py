"""The `ogdc-runner` command."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module

import typer

from ogdc_cli.interrupts import raise_on_termination
from ogdc_cli.terminal import guarded, say
from ogdc_shared.errors import OgdcError

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "setup": ("init", "doctor", "version"),
    "local": ("run", "up", "down"),
    "recipes": ("validate", "validate-recipe", "validate-all-recipes", "compile", "graph"),
    "runs": (
        *("submit", "status", "check-workflow-status", "list", "watch", "logs", "cancel", "retry"),
        *("outputs", "get-output", "ui"),
    ),
    "provenance": ("provenance", "reproduce", "publish"),
    "removing": ("rm", "gc"),
    "login": ("login", "logout", "whoami", "token", "set-token"),
    "triggers": ("triggers",),
    "webhooks": ("webhooks",),
    "tokens": ("tokens",),
    "users": ("users", "audit"),
    "action": (),  # its one command, registered alone, would be the whole program to typer
}
"""The modules of `commands`, in the order of the help, and the commands that each may be registered for."""


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """Create the command line.

    Args:
        words: Its arguments. If the first is a command, only the commands of its module are registered, since
            reading all signatures takes a tenth of a short command.
    """
    app = typer.Typer(
        name="ogdc-runner",
        help="Run geospatial recipes: on this machine with `run`, or on an OGDC deployment with `submit`.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for module in _modules_for(words) or COMMANDS:
        import_module(f"ogdc_cli.commands.{module}").register(app)
    return app


def _modules_for(words: Sequence[str]) -> list[str]:
    return [module for module, commands in COMMANDS.items() if words and words[0] in commands]


def main(app: typer.Typer) -> None:
    """Run the command line. Errors that users can fix are one message and exit code 1, never a traceback.

    Exit codes: 0 success; 1 rejected, failed, or the run did not succeed; 2 wrong arguments; 130 interrupted,
    143 or 129 ended by SIGTERM or SIGHUP.
    """
    atexit.register(gc.freeze)  # a final garbage collection would take a sixth of `validate`
    raise_on_termination()
    with guarded():
        _call(app)


def _call(app: typer.Typer) -> None:
    try:
        app(prog_name="ogdc-runner")
    except KeyboardInterrupt:  # typer was still making the commands
        sys.exit(128 + signal.SIGINT)
    except OgdcError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(_explain(exc))
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.startswith("ogdc_"):
            raise
        _fail(
            f"{exc.name} is not installed, and this command needs it. `ogdc-runner doctor` says what "
            "is missing and what to type."
        )


def _fail(message: str) -> None:
    with suppress(OSError):  # stderr may be what is broken
        say("Error: " + message.replace("\n", "\n       "), err=True)
    sys.exit(1)


def _explain(exc: OSError) -> str:
    """Return which local file cannot be used, and why."""
    what = " → ".join(str(name) for name in (exc.filename, exc.filename2) if name is not None)
    return f"{what}{': ' if what else ''}{exc.strerror or exc}."
