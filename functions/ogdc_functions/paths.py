"""What can be called, of all services together: so each knows what is called wrongly and what is nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

METHODS: Mapping[str, tuple[str, ...]] = {
    "/submit": ("POST",),
    "/validate": ("POST",),
    "/status/{name}": ("GET",),
    "/output/{name}": ("GET",),
    "/runs": ("GET",),
    "/runs/{name}": ("GET", "DELETE"),
    "/runs/{name}/partitions": ("GET",),
    "/runs/{name}/logs": ("GET",),
    "/runs/{name}/cancel": ("POST",),
    "/runs/{name}/retry": ("POST",),
    "/sweep": ("POST",),
    "/triggers": ("GET", "POST"),
    "/triggers/{name}": ("GET", "DELETE"),
    "/version": ("GET",),
    "/healthz": ("GET",),
    "/readyz": ("GET",),
}


def pattern(path: str) -> str:
    """A regular expression for a path, in which `{name}` stands for one segment."""
    return re.escape(path).replace(r"\{name\}", r"(?P<name>[^/]+)")


def methods_of(path: str) -> tuple[str, ...]:
    """The methods that some service takes at `path`; empty: there is nothing."""
    return next((methods for known, methods in METHODS.items() if re.fullmatch(pattern(known), path)), ())
