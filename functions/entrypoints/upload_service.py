"""Entrypoint for functions-framework: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `upload`."""

from ogdc_shared.imports import collection_paused

with collection_paused():
    from ogdc_functions import upload as service
    from ogdc_functions.service import start

upload = start(service.build)
