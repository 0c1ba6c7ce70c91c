"""The `ogdc-runner` command."""

from __future__ import annotations

import sys

import typer

from ogdc_cli.commands import local, recipes, runs, tokens
from ogdc_shared.errors import OgdcError

app = typer.Typer(
    name="ogdc-runner",
    help="Run geospatial recipes: on this machine with `run`, or on an OGDC deployment with `submit`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (local, recipes, runs, tokens):
    group.register(app)


def main() -> None:
    """Run the command line; an error a user can act on is one message and exit code 1, never a traceback."""
    try:
        app()
    except OgdcError as exc:
        print(f"Error: {exc}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)


if __name__ == "__main__":
    main()
