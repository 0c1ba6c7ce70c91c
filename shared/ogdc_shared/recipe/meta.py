"""Parsing `meta.yml` safely as plain data.

YAML's safe loader still allows a few hundred bytes to expand to billions of values, silently lets a second
`name:` override the first, and (through libyaml) crashes on deep nesting. So events are counted before
anything is composed, and composed nodes before anything is constructed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ogdc_shared.errors import InvalidRecipeError, RecipeNotFoundError
from ogdc_shared.recipe.files import UnusableFileError, confined, read_text
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from yaml import CSafeLoader as SafeLoader
else:
    SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_MAX_DEPTH = 32
_MAX_NODES = 200_000
"""Maximum number of values in the file, where each alias counts as everything it refers to."""
_MAX_NUMBER = 64
"""A longer plain scalar is text, whatever it looks like; in characters."""

_ODD_BLANK = re.compile(
    r"^(?:[ -]*|[ -]*[\w\"']+[ ]?:[ ]*)([\u00a0\u2000-\u200b\u202f\u3000\ufeff])", re.MULTILINE
)
"""Places where YAML needs a space: before a key, and between a key's colon and its value."""
_STR, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_TYPES = {_STR, _MERGE} | {
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "int", "float", "bool", "null")
}
_READ_AS_TEXT = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}


def load_meta(path: Path) -> dict[str, Any]:
    """Read a recipe's `meta.yml`: a mapping of strings, numbers, booleans, None, lists and mappings.

    Dates remain text. Values are not validated (see `models.RecipeMeta`).

    Raises:
        RecipeNotFoundError: there is no such file.
        InvalidRecipeError: it is too large, not UTF-8, not YAML, not a mapping, contains a key twice, or
            would become huge if its aliases are expanded.
    """
    try:
        text = read_text(confined(path.parent, path.name))
        meta = _construct(text)
    except UnusableFileError as exc:
        if not path.exists():
            raise RecipeNotFoundError(f"{path.name}: {_missing(path)}") from None
        raise InvalidRecipeError(f"{path.name}: {exc}") from exc
    except yaml.YAMLError as exc:
        raise InvalidRecipeError(f"{path.name}: {_explain(exc)}") from exc
    return meta


def _missing(path: Path) -> str:
    names = sorted(entry.name for entry in os.scandir(path.parent)) if path.parent.is_dir() else []
    for name in names:
        if name.lower().split(".")[:2] in (["meta", "yml"], ["meta", "yaml"]):
            return f"there is only a {name}; rename it to {path.name}."
    return "the recipe directory has no such file; every recipe is described by one."


def _construct(text: str) -> dict[str, Any]:
    if odd := _ODD_BLANK.search(text):
        line = text.count("\n", 0, odd.end()) + 1
        raise UnusableFileError(
            f"line {line}: has the character U+{ord(odd[1]):04X} instead of a space, as copied from web "
            "pages and word processors; replace it with a space."
        )
    anchors = _check_events(text)
    loader = SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise UnusableFileError("is empty; describe the recipe with name, workflow, input and output.")
        if not isinstance(root, yaml.MappingNode):
            raise UnusableFileError("is not a mapping; write `key: value` lines, beginning with `name: …`.")
        _check(root)
        for anchor, event in anchors.items():
            raise UnusableFileError(
                f"{_line(event)}: &{_short(anchor)[1:-1]} marks a value that nothing refers to; put quotes "
                "around a value that begins with &."
            )
        meta: dict[str, Any] = loader.construct_document(root)
    except (ValueError, LookupError) as exc:  # `0x_` or `!!bool maybe`, which PyYAML does not handle
        raise UnusableFileError(
            f"contains a value that cannot be read ({exc}); put quotes around it."
        ) from exc
    finally:
        loader.dispose()
    return meta


def _check_events(text: str) -> dict[str, yaml.Event]:
    """Reject deep nesting, and return the anchors without an alias."""
    depth = 0
    anchors: dict[str, yaml.Event] = {}
    for event in yaml.parse(text, Loader=SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise UnusableFileError(f"{_line(event)}: is nested more than {_MAX_DEPTH} deep; flatten it.")
        anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None
        if isinstance(event, yaml.AliasEvent):
            anchors.pop(str(anchor), None)
        elif anchor is not None:
            anchors[anchor] = event
    return anchors


def _check(root: yaml.MappingNode) -> None:
    """Walk the values as they would be constructed, following aliases, and reject invalid ones.

    An alias inside its own anchor would make the walk endless; the limit ends that, too.
    """
    pending: list[yaml.Node] = [root]
    seen = 1
    while pending:
        inner = _check_node(pending.pop())
        seen += len(inner)
        if seen > _MAX_NODES:
            raise UnusableFileError(
                f"has more than {_MAX_NODES:,} values when its aliases (`*name`) are expanded; write "
                "them out, and put a long list of URLs into a separate file (`type: url_list`)."
            )
        pending += inner


def _check_node(node: yaml.Node) -> list[yaml.Node]:
    """Reject an invalid node, and return the nodes inside it."""
    if node.tag not in _TYPES | _READ_AS_TEXT:
        raise UnusableFileError(f"{_line(node)}: the tag {_short(node.tag)} is not for recipes; remove it.")
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        return [value for _, value in node.value]
    if isinstance(node, yaml.ScalarNode):
        if node.tag in _READ_AS_TEXT or len(node.value) > _MAX_NUMBER:
            node.tag = _STR
        return []
    inner: list[yaml.Node] = node.value
    return inner


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise UnusableFileError(f"{_line(key)}: a key must be a single word; write `key: value`.")
        if key.tag != _MERGE:
            key.tag = _STR
        if key.value in lines:
            raise UnusableFileError(
                f"{_line(key)}: the key {_short(key.value)} is also in line {lines[key.value]}; keep one."
            )
        lines[key.value] = key.start_mark.line + 1


def _line(part: yaml.Node | yaml.Event) -> str:
    return f"line {part.start_mark.line + 1}" if part.start_mark else "somewhere"


def _short(text: str) -> str:
    return repr(shortened(text, 60))


def _explain(error: yaml.YAMLError) -> str:
    """Convert a parser's message to one line with the position."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return "is not YAML: it holds control characters; save it as plain text in UTF-8."
    mark = error.problem_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"{place}: is not YAML: {error.problem}; {_advice(error.problem or '', error.context or '')}"


def _advice(problem: str, context: str) -> str:
    if "alias" in f"{context} {problem}":
        return 'put quotes around a value that begins with *, as in filename: "*.tif".'
    if "anchor" in context:
        return "put quotes around a value that begins with &."
    if "cannot start any token" in problem:
        return "indent with spaces instead of tabs, and put quotes around a value that begins with @, ` or %."
    if "mapping values are not allowed" in problem:
        return (
            "put quotes around a value that holds a colon and a space, line up the keys, and write a space "
            "after the colon of each."
        )
    if "another document" in problem:
        return "keep one document, without a second `---`."
    return "check the indentation, the quotes and the brackets there and in the line before."
