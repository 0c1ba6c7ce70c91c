"""The edge of a service's process: settings are read, and logging and the end are set up here, once."""

from __future__ import annotations

import atexit
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

_log = logging.getLogger(__name__)


def start(build: Callable[[Context], Served]) -> Served:
    """Build a service from the environment; called by its entrypoint.

    Connections are made on first use, since the web server forks after this. On SIGTERM it takes no more
    requests, finishes those it has, and exits; what the process holds open is closed then.

    Raises:
        ConfigurationError: a setting cannot be used, so the process ends instead of answering with errors.
    """
    configure_logging()
    prepare(current_app)
    configure_gunicorn()
    for problem in unknown_variables(os.environ):
        _log.warning("%s", problem)
    context = Context(Settings.from_env())
    atexit.register(context.close)
    return build(context)
