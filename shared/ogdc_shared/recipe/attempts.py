"""Loops that try a command again until it succeeds, as in `for i in 1 2 3; do a && break; sleep 5; done`.

Such a loop ends with 0 after its last attempt failed, too, unless something after the attempt looks at that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ogdc_shared.recipe.syntax import name_of, nodes, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

LOOPS = frozenset({"for_statement", "c_style_for_statement", "while_statement"})
_TESTS = frozenset({"[", "test", "[[", "(("})
_IDLE = frozenset({"echo", "printf", "sleep", "true", ":", "let", "date", "break", "continue"})
"""Commands that do nothing for a result."""
_ARITHMETIC = frozenset({"variable_assignment", "variable_assignments", "comment", "file_redirect"})


def is_attempt(node: Node) -> bool:
    """Whether an `if` does nothing but leave a loop whose only work is the condition: `if a; then break; fi`.

    A branch that assigns a variable passes on how it ended, so it is no such branch.
    """
    loop = _loop_around(node)
    branches = [_of_branch(node), *(child.named_children for child in node.children if _is_else(child))]
    return (
        loop is not None
        and node.parent == loop.child_by_field_name("body")
        and any(each and name_of(each[-1]) == "break" and all(map(_is_idle, each)) for each in branches)
        and all(_is_idle(each) or each.type in _ARITHMETIC for each in _beside(node))
    )


def is_exhaustion_noticed(attempt: Node) -> bool:
    """Whether the line fails, or may decide to, once no attempt has succeeded."""
    loop = _loop_around(attempt)
    if loop is None or _is_endless(loop):
        return loop is not None
    in_loop = (each for part in _following(attempt, until=loop) for each in nodes(part, "command"))
    if any(map(_fails, in_loop)):
        return True
    after = [part for part in _following(loop, until=None) if part.is_named]
    return any(map(_tests, after))


def _tests(node: Node) -> bool:
    """Whether a command after a loop looks at how that ended."""
    while node.type in {"list", "negated_command", "redirected_statement"} and node.named_children:
        node = node.named_children[0]
    if node.type in {"if_statement", "case_statement"}:
        return True
    is_test = node.type == "test_command" or name_of(node) in _TESTS or text_of(node).startswith("((")
    return is_test or _fails(node) or (node.type == "subshell" and any(map(_fails, nodes(node, "command"))))


def _fails(node: Node) -> bool:
    """Whether a command only exists to fail, such as `exit 1`."""
    words = text_of(node).split()
    return name_of(node) in {"exit", "return", "false"} and words[1:2] != ["0"]


def _is_endless(loop: Node) -> bool:
    """Whether only success ends a loop, such as `while true`."""
    words = text_of(loop).split(maxsplit=2)
    if loop.type == "while_statement":
        return words[1].rstrip(";") in {"while": {"true", ":"}, "until": {"false"}}[words[0]]
    return loop.type == "c_style_for_statement" and loop.child_by_field_name("condition") is None


def _loop_around(node: Node) -> Node | None:
    """The loop that a `break` in a node would leave."""
    parent = node.parent
    while parent is not None and parent.type not in LOOPS:
        parent = None if parent.type == "function_definition" else parent.parent
    return parent


def _following(node: Node, *, until: Node | None) -> Iterator[Node]:
    """Yield what the shell may still run after a node, up to the end of a loop, or else of the line."""
    current: Node | None = node
    while current is not None and current != until and current.type != "function_definition":
        sibling = current.next_sibling
        while sibling is not None:
            yield sibling
            sibling = sibling.next_sibling
        current = current.parent


def _of_branch(node: Node) -> list[Node]:
    """The commands between `then` and `else` or `fi`."""
    then = next(index for index, child in enumerate(node.children) if child.type == "then")
    return [child for child in node.children[then:] if child.is_named and not _is_else(child)]


def _beside(node: Node) -> list[Node]:
    parent = node.parent
    return [] if parent is None else [child for child in parent.named_children if child != node]


def _is_else(node: Node) -> bool:
    return node.type in {"else_clause", "elif_clause"}


def _is_idle(node: Node) -> bool:
    if node.type == "redirected_statement":  # echo failed >&2
        node = node.named_children[0]
    return name_of(node) in _IDLE or (node.type == "compound_statement" and text_of(node).startswith("(("))
