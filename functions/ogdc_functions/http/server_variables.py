"""The variables that functions-framework reads itself; the table documents them, and nothing is read by it.

Source: functions_framework/_cli.py and _http/gunicorn.py of functions-framework 3.10.
"""

# No postponed annotations: the table is read from them.
from typing import Annotated, NamedTuple

from ogdc_shared.variables import TEXT, Variable, number


class ServerVariables(NamedTuple):
    """What the web server of a function is started with."""

    target: Annotated[
        str | None, Variable("FUNCTION_TARGET", TEXT, "Name of the function, such as `status`.")
    ] = None
    source: Annotated[
        str | None, Variable("FUNCTION_SOURCE", TEXT, "File of its entrypoint, in `entrypoints`.")
    ] = None
    port: Annotated[int, Variable("PORT", number(1), "Port that it listens on; Knative sets it.")] = 8080
    processes: Annotated[
        int,
        Variable(
            "WORKERS",
            number(1),
            "Number of processes. Each has its own threads and its own pool of connections to PostgreSQL. "
            "Not set for submit: 2.",
        ),
    ] = 1
    threads: Annotated[
        int | None,
        Variable(
            "THREADS",
            number(1),
            "Requests that a process answers at the same time; those of `containerConcurrency` and one for "
            "probes. Not set: four for each core.",
        ),
    ] = None
    log_level: Annotated[
        str,
        Variable("GUNICORN_LOG_LEVEL", TEXT, "Level of gunicorn's own logging, which is not in JSON."),
    ] = "error"
