"""Building a service from the table of routes: each route gets the handler with its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType

from ogdc_functions.http.readiness import probes
from ogdc_functions.http.routing import Handler, Served, build_function
from ogdc_shared.api.routes import Function, routes_of
from ogdc_shared.context import Context


def serve(function: Function, context: Context, *modules: ModuleType) -> Served:
    """Build the service of a function.

    Args:
        function: The function.
        context: The first argument of its handlers.
        modules: Modules with handlers named like their routes; probes are common to all functions.

    Raises:
        LookupError: a route has no handler.
    """
    common = probes(context)
    handlers = {
        (route.method, route.path): (route, _handler(route.name, context, modules, common))
        for route in routes_of(function)
    }
    return build_function(handlers, context)


def _handler(
    name: str, context: Context, modules: Sequence[ModuleType], common: Mapping[str, Handler]
) -> Handler:
    for module in modules:
        if handler := vars(module).get(name):
            return partial(handler, context)
    if name in common:
        return common[name]
    raise LookupError(f"There is no handler for the route {name!r} in {modules[0].__name__}.")
