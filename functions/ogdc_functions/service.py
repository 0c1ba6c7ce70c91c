"""Starting a service process: settings, logging and shutdown are set up once, here."""

from __future__ import annotations

import atexit
import gc
import logging
import os
from collections.abc import Callable

from flask import current_app

from ogdc_functions.http.gunicorn_defaults import configure_gunicorn
from ogdc_functions.http.responses import prepare
from ogdc_functions.http.routing import Served
from ogdc_functions.logs import configure_logging
from ogdc_shared.config import Settings, unknown_variables
from ogdc_shared.context import Context
from ogdc_shared.variables import read_variable

_GARBAGE = 20_000
"""Objects created between garbage collections. A request creates thousands, and few of them in cycles."""

_log = logging.getLogger(__name__)


def start(build: Callable[[Context], Served]) -> Served:
    """Build a service from the environment; called by its entrypoint.

    Connections are opened on first use, because the web server forks after this. On SIGTERM the server
    finishes the requests it has and exits; connections are closed then.

    Raises:
        ConfigurationError: a setting is invalid; the process ends instead of answering with errors.
    """
    gc.set_threshold(_GARBAGE)
    configure_logging(read_variable(Settings, "log_level", os.environ))
    prepare(current_app)
    configure_gunicorn()
    for problem in unknown_variables(os.environ):
        _log.warning("%s", problem)
    context = Context(Settings.from_env())
    atexit.register(context.close)
    return build(context)
