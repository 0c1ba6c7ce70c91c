"""The entry point of `ogdc-runner`, with setup that must precede most imports."""

from __future__ import annotations

import gc
import os
import signal
import sys

_GARBAGE = 50_000
"""Objects created between garbage collections; imports create that many, and no garbage."""


def main() -> None:
    """Import the command line and run it; Ctrl-C ends the program quietly while nothing has begun."""
    asked_to_end = signal.getsignal(signal.SIGINT)
    if asked_to_end is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.set_threshold(_GARBAGE)
    _set_home()
    from ogdc_cli import main as command_line

    app = command_line.make_app(sys.argv[1:])
    signal.signal(signal.SIGINT, asked_to_end)
    command_line.main(app)


def _set_home() -> None:
    """Give a user whom the system does not know a home, as container runtimes do: the root directory."""
    if "HOME" not in os.environ and os.path.expanduser("~") == "~":  # noqa: PTH111  Path.home raises then
        os.environ["HOME"] = "/"


if __name__ == "__main__":
    main()
