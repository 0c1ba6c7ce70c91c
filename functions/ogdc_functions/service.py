"""The edge of a service's process: settings are read and logging is set up here, once."""

from __future__ import annotations

from collections.abc import Callable

from ogdc_functions.logs import configure_logging
from ogdc_functions.routing import Function
from ogdc_shared.config import Settings
from ogdc_shared.context import Context


def start(build: Callable[[Context], Function]) -> Function:
    """Build a service from the environment; called by its entrypoint.

    Connections are made on first use, since the web server forks after this.

    Raises:
        ConfigurationError: a setting cannot be used, so the process ends instead of answering with errors.
    """
    configure_logging()
    return build(Context(Settings.from_env()))
