"""Entrypoint for functions-framework: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `submit`."""

import os

from ogdc_shared.imports import collection_paused

with collection_paused():
    from ogdc_functions import submit as service
    from ogdc_functions.service import start

# functions-framework reads WORKERS when it starts the web server, after this import. Two processes, because a
# submission is mostly Python code, of which one process can use only one core.
os.environ.setdefault("WORKERS", "2")

submit = start(service.build)
