"""The `ogdc-runner` command."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from contextlib import suppress

import typer

from ogdc_cli.commands import (
    action,
    local,
    login,
    provenance,
    recipes,
    removing,
    runs,
    setup,
    tokens,
    triggers,
    users,
)
from ogdc_cli.interrupts import raise_on_termination
from ogdc_cli.terminal import guarded, say
from ogdc_shared.errors import OgdcError

app = typer.Typer(
    name="ogdc-runner",
    help="Run geospatial recipes: on this machine with `run`, or on an OGDC deployment with `submit`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (setup, local, recipes, runs, provenance, removing, login, triggers, tokens, users, action):
    group.register(app)


def main() -> None:
    """Run the command line; what a user can mend is one message and exit code 1, never a traceback.

    Exit codes: 0 done; 1 refused, failed, or the run did not succeed; 2 called wrongly; 130 interrupted,
    143 or 129 ended by SIGTERM or SIGHUP.
    """
    atexit.register(gc.freeze)  # looking for garbage at the very end takes a sixth of `validate`
    raise_on_termination()
    with guarded():
        _call()


def _call() -> None:
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
    """Say which file of this machine cannot be used, and why."""
    what = " → ".join(str(name) for name in (exc.filename, exc.filename2) if name is not None)
    return f"{what}{': ' if what else ''}{exc.strerror or exc}."
