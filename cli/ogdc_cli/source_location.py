"""Locating the problems of a recipe in a repository, from their messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.recipe.forms import META_FILE

if TYPE_CHECKING:
    import yaml

_PROBLEM = re.compile(
    r"(?P<file>[^:\n]+): (?:line (?P<line>\d+)(?:, column (?P<col>\d+))?: |(?P<key>[\w.\[\]-]+): )?"
)


class SourceLocation(NamedTuple):
    """A position in a file of the repository; None is unknown."""

    file: str | None = None
    """Below the workspace."""
    line: int | None = None
    """Counted from 1, as is the column."""
    col: int | None = None


def locate_problem(recipe: Path, problem: str, *, workspace: Path) -> SourceLocation:
    """Find where a problem is that `InvalidRecipeError` tells about the recipe in a directory."""
    found = _PROBLEM.match(problem)
    file = (recipe / (found["file"] if found else "")).resolve()
    root = workspace.resolve()
    if not (found and file.is_file() and file.is_relative_to(root)):
        return SourceLocation()
    name = str(file.relative_to(root))
    if found["line"]:
        return SourceLocation(name, int(found["line"]), int(found["col"]) if found["col"] else None)
    return SourceLocation(
        name, _line_of(found["key"], file) if found["key"] and file.name == META_FILE else None
    )


def _line_of(key: str, meta: Path) -> int:
    """The line of a key such as `input.params[0].type`, or of the nearest thing around it."""
    import yaml

    node, line = yaml.compose(meta.read_text(encoding="utf-8"), Loader=yaml.SafeLoader), 0
    for part in re.findall(r"[^.\[\]]+", key):
        if (inner := _inner(node, part)) is None:
            break
        line, node = inner
    return line + 1


def _inner(node: yaml.Node | None, part: str) -> tuple[int, yaml.Node] | None:
    """Return the line, from 0, of a key or list entry, and its value."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        entry = node.value[int(part)]
        return (entry.start_mark.line, entry)
    return None
