"""The entry point of `ogdc-runner`, with setup that must precede most imports."""

from __future__ import annotations

import gc
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
    from ogdc_cli import main as command_line

    app = command_line.make_app(sys.argv[1:])
    signal.signal(signal.SIGINT, asked_to_end)
    command_line.main(app)


if __name__ == "__main__":
    main()
