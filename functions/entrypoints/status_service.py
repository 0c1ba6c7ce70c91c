"""Entrypoint for functions-framework: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `status`."""

from ogdc_shared.imports import collection_paused

with collection_paused():
    from ogdc_functions import status as service
    from ogdc_functions.service import start

status = start(service.build)
