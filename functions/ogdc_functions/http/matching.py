"""Which path of the table of routes a request is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

_PREFIX = "/api"
_PARAMETER = re.compile(r"\{(\w+)\}")
_SEVERAL = "{path}"
"""The one parameter that may be several segments."""


class Paths:
    """Paths as the table of routes writes them; those of a request may stand below `/api`, and end in `/`."""

    def __init__(self, paths: Iterable[str]) -> None:
        rules = [Rule(_rule(path), endpoint=path) for path in dict.fromkeys(paths)]
        self._map = Map(rules, strict_slashes=False, merge_slashes=False).bind("localhost")

    def find(self, path: str) -> tuple[str, Mapping[str, Any]] | None:
        """The path of the table that `path` is, and the values of its parameters; None: it is none."""
        path = bare(path)
        if not path.startswith("/") or path.startswith("//"):
            return None
        try:
            return self._map.match(path, "GET")
        except NotFound:
            return None


def _rule(path: str) -> str:
    return _PARAMETER.sub(r"<\1>", path.replace(_SEVERAL, "<path:path>"))


def bare(path: str) -> str:
    """A request's path as the table would write it."""
    return path.removeprefix(_PREFIX).rstrip("/") or "/"
