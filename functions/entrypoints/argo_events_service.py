"""Entrypoint for functions-framework: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `argo_events`."""

from ogdc_shared.imports import collection_paused

with collection_paused():
    from ogdc_functions import argo_events as service
    from ogdc_functions.service import start

argo_events = start(service.build)
