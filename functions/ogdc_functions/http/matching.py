"""Which path of the table of routes a request is for.

Not by `werkzeug.routing`, which makes regular expressions and code of each rule: a fifteenth of what `status`
adds to the cold start of an empty function, for what is a comparison of a few words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_PREFIX = "/api"
_SEVERAL = "{path}"
"""The one parameter that may be several segments; it comes last."""


class Paths:
    """Paths as the table of routes writes them; those of a request may stand below `/api`, and end in `/`."""

    def __init__(self, paths: Iterable[str]) -> None:
        templates = [(path, path.split("/")) for path in dict.fromkeys(paths)]
        self._templates = sorted(templates, key=lambda each: [*map(_breadth, each[1])])

    def find(self, path: str) -> tuple[str, Mapping[str, str]] | None:
        """The path of the table that `path` is, and the values of its parameters; None: it is none.

        Of several the narrowest: what stands there goes before parameters.
        """
        segments = bare(path).split("/")
        for template, parts in self._templates:
            values = _values(parts, segments)
            if values is not None:
                return template, values
        return None


def bare(path: str) -> str:
    """A request's path as the table would write it."""
    return path.removeprefix(_PREFIX).rstrip("/") or "/"


def _breadth(part: str) -> int:
    return 2 if part == _SEVERAL else int("{" in part)


def _values(parts: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """The values of a template's parameters in a path; None: the path is another."""
    if parts[-1] == _SEVERAL and len(segments) > len(parts):
        last = len(parts) - 1
        return _values(parts, [*segments[:last], "/".join(segments[last:])])
    if len(parts) != len(segments):
        return None
    values = {}
    for part, segment in zip(parts, segments, strict=True):
        before, _, rest = part.partition("{")
        name, _, after = rest.partition("}")
        value = segment[len(before) : len(segment) - len(after)]
        if name and value and not value.startswith("/") and segment == f"{before}{value}{after}":
            values[name] = value
        elif part != segment:
            return None
    return values
