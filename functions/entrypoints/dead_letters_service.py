"""Entrypoint for functions-framework: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `dead_letters`."""

from ogdc_shared.imports import collection_paused

with collection_paused():
    from ogdc_functions import dead_letters as service
    from ogdc_functions.service import start

dead_letters = start(service.build)
