"""Parsing command lines with tree-sitter's grammar of bash, and reading the nodes it returns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

NOT = "__not"
"""Stands for a `!` before a compound command."""
_BEFORE = r"((?:^|[;&|({!\n]|\b(?:if|then|elif|else|while|until|do)\s)\s*)"
"""What may precede a command."""
_NOT_COMPOUND = re.compile(
    rf"{_BEFORE}!(?=\s+(?:\{{\s|\(\(|(?:if|for|while|until|case|select)\b))",
)
_TIME = re.compile(rf"{_BEFORE}time(?:[ \t]+-p)?(?:[ \t]+--)?[ \t]+(?=[^\s;&|)])")
STRINGS = frozenset({"string", "raw_string", "ansi_c_string", "translated_string", "concatenation"})
"""Types of nodes with quotes."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r"}


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def parsed(text: str) -> Node:
    """The root of a line's syntax tree; its `has_error` is true if the grammar does not know the line.

    The grammar takes the brace of `! { a; b; }` for a program. `__not | { a; b; }` has the same structure. It
    takes that of `time { a; b; }` for one, too. `time` does not change an exit code, so it is left out.
    """
    text = _TIME.sub(r"\1", text)
    return _parser().parse(_NOT_COMPOUND.sub(rf"\1{NOT} |", text).encode()).root_node


def name_of(node: Node) -> str:
    """The name of a command; empty for other nodes."""
    return text_of(node.child_by_field_name("name")) if node.type == "command" else ""


def text_of(node: Node | None) -> str:
    """The source text of a node."""
    return "" if node is None or node.text is None else node.text.decode(errors="replace")


def short(text: str) -> str:
    """A text as messages quote it, without passwords."""
    from ogdc_shared.redact import redact_text  # only imported for messages

    return shortened(redact_text(text.replace(f"{NOT} |", "!")), 60)


def nodes(root: Node, *types: str) -> Iterator[Node]:
    """Yield the nodes of these types in order, without recursion, because lines may be nested deeply."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.type in types:
            yield node
        pending += reversed(node.named_children)


def has_node(root: Node, *types: str) -> bool:
    """Whether there is a node of one of these types."""
    return next(nodes(root, *types), None) is not None


def parts_of(node: Node) -> list[Node]:
    """The commands that `&&` and `||` join."""
    if node.type != "list":
        return [node]
    return [*parts_of(node.named_children[0]), node.named_children[-1]]


def without_negation(asked: list[Node]) -> list[Node]:
    """What a condition runs, without a `!` before it; the grammar puts redirections around that."""
    inner = (
        asked[0].named_children[:1] if len(asked) == 1 and asked[0].type == "redirected_statement" else asked
    )
    if len(inner) == 1 and inner[0].type == "negated_command":
        return inner[0].named_children
    return asked


def unquoted(node: Node) -> str:
    """The text of a word without its quotes; expansions stay as they are."""
    text = text_of(node)
    if node.type == "concatenation":
        return "".join(map(unquoted, node.named_children))
    if node.type == "raw_string":
        return text[1:-1]
    if node.type == "ansi_c_string":
        return _ESCAPE.sub(lambda found: _LETTERS.get(found[1], found[1]), text[2:-1])
    if node.type in {"string", "translated_string"}:
        return re.sub(r'\\(["$`\\])', r"\1", text.removeprefix("$")[1:-1])
    return text
