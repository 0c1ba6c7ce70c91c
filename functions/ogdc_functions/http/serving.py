"""From the table of routes to a service: each route of a function gets the handler that bears its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType

from ogdc_functions.http.readiness import probes
from ogdc_functions.http.routing import Handler, Served, build_function
from ogdc_shared.api.routes import Function, routes_of
from ogdc_shared.context import Context


def serve(function: Function, context: Context, *modules: ModuleType) -> Served:
    """Build what answers the routes of a function.

    Args:
        function: The function.
        context: What its handlers take first.
        modules: Where they are, each under the name of its route; probes are the same for all.

    Raises:
        LookupError: there is no handler of a route.
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
    raise LookupError(f"No function is named {name!r}, as a route is, in {modules[0].__name__}.")
