"""Loops that try a command again until it succeeds, as in `for i in 1 2 3; do a && break; sleep 5; done`.

Such a loop ends with 0 after its last attempt failed, too. So the rest of the line has to look at that. A
shell has many ways to do so. A line is only rejected if there is certainly none: if the rest of it only
prints and waits, or works on other files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING

from ogdc_shared.recipe.syntax import name_of, nodes, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

LOOPS = frozenset({"for_statement", "c_style_for_statement", "while_statement"})
LEAVING = frozenset({"break", "exit", "return"})
"""Commands that end a loop."""
_TESTS = frozenset({"[", "test", "[[", "(("})
_IDLE = frozenset(
    {"echo", "printf", "sleep", "true", ":", "let", "date", "break", "continue", "exit", "return"}
    | {"rm", "mkdir", "shift", "local", "trap", "set", "seq", "expr"}
)
"""Commands that do nothing for a result."""
_REPORTING = frozenset({"echo", "printf", "sleep", "continue", "date", "rm"})
"""Commands that do nothing about a failure."""
_ARITHMETIC = frozenset({"variable_assignment", "variable_assignments", "comment", "file_redirect"})
_OUTPUT = frozenset({"output_dir", "OUTPUT_DIR", "OUTPUT_FILE"})
_COMMON = _OUTPUT | {"input_dir", "INPUT_DIR", "INPUT_FILE", "tmp"}
"""Words of paths that do not show that two commands use the same file."""
_WORD = re.compile(r"(?<![\w-])[\w.]*[A-Za-z_][\w.]*", re.ASCII)
_REQUIRED = re.compile(r"\$\{\w+:?\?")


class Noticed(Enum):
    """Whether a line fails, or may decide to, once no attempt has succeeded."""

    NO = 0
    PERHAPS = 1
    YES = 2


def is_attempt(node: Node) -> bool:
    """Whether an `if` does nothing but leave a loop after the condition: `if a; then break; fi`.

    `if ! a; then continue; fi; break` does the same.
    """
    if not is_in_loop(node):
        return False
    branches = [_of_branch(node), *(child.named_children for child in node.children if _is_else(child))]
    return any(
        each
        and all(map(_is_idle, each))
        and (leaves(each[-1]) or (name_of(each[-1]) == "continue" and is_left_after(node)))
        for each in branches
    )


def only_reports(commands: list[Node]) -> bool:
    """Whether commands after a failure only print it, skip something, or set a variable that is not used."""
    parts = [each.named_children[0] if each.type == "redirected_statement" else each for each in commands]
    if not parts or any(each.type not in {"command", "variable_assignment"} for each in parts):
        return False
    if any(each.type == "command" and name_of(each) not in _REPORTING | LEAVING for each in parts):
        return False
    if any(_fails(each) or after_assignment(each) is not Noticed.NO for each in parts):
        return False
    is_kept = any(_OUTPUT & {*_WORD.findall(text_of(each))} for each in commands)
    is_value = _around(commands[0], "command_substitution") is not None  # x=$(a || echo none)
    return not (is_kept or is_value or any(map(_tests, _following(commands[-1]))))


def is_in_loop(node: Node) -> bool:
    """Whether a `break` would leave a loop around a node."""
    return _loop_around(node) is not None


def leaves(node: Node) -> bool:
    """Whether a command ends a loop, and does not make the line fail."""
    return name_of(node) in LEAVING and not _fails_for_certain(node)


def is_left_after(node: Node) -> bool:
    """Whether a turn of a loop ends it, unless a node skips the rest: `a || continue; break`."""
    after = [each for each in _following(node, until=_loop_around(node)) if each.is_named]
    return bool(after) and leaves(after[-1])


def exhaustion(attempt: Node) -> Noticed:
    """Whether it is noticed that each attempt failed.

    Args:
        attempt: What tries a command and leaves a loop, or the loop itself: `until a; do …; done`.
    """
    is_loop = attempt.type in LOOPS
    loop = attempt if is_loop else _loop_around(attempt)
    body = None if loop is None else loop.child_by_field_name("body")
    if loop is None or body is None or ((is_loop or _is_endless(loop)) and not _gives_up(loop, attempt)):
        return Noticed.YES
    in_loop = [body] if is_loop else [*_following(attempt, until=loop)]
    if not is_loop and any(map(_fails_for_certain, nodes(attempt, "command"))):
        return Noticed.YES
    if any(_fails(each) for part in in_loop for each in nodes(part, "command")):
        return Noticed.YES
    after = [part for part in _following(loop, succeeded=True) if part.is_named]
    is_function = any(name_of(each) == "return" for each in nodes(attempt, "command"))
    if is_function and any(name_of(each) in {"true", ":"} for each in after):
        return Noticed.YES  # the function is meant to succeed anyway
    is_last = not (after or is_loop or _is_endless(loop))
    if any(_is_final_test(each, loop, is_last=is_last) for part in in_loop for each in _all_tests(part)):
        return Noticed.YES
    noticed = max(_after_failure(after, attempt), after_assignment(attempt), key=lambda each: each.value)
    beside = [] if is_loop else [each for part in _beside(attempt) for each in nodes(part, "command")]
    has_other_work = not all(_is_idle(each) or _is_test(each) for each in beside)
    return Noticed.PERHAPS if noticed is Noticed.NO and has_other_work else noticed


def after_assignment(node: Node) -> Noticed:
    """Whether what runs after a node looks at variables that it assigns: `a && ok=1; [ $ok = 1 ]`."""
    names = {text_of(each.child_by_field_name("name")) for each in nodes(node, "variable_assignment")}
    noticed = Noticed.NO
    used = re.compile(rf"(?:\$\{{?|\(\(.*?\b)(?:{'|'.join(names)})\b", re.ASCII | re.DOTALL)
    for part in (*_following(node), *_conditions_around(node)) if names else ():
        if used.search(text_of(part)):
            if any(map(_tests, (part, *part.named_children))) or any(map(_requires, nodes(part, "command"))):
                return Noticed.YES
            noticed = Noticed.PERHAPS
    return noticed


def _after_failure(parts: list[Node], failed: Node) -> Noticed:
    """Whether commands look at a failure before them, or may do so.

    They may if what failed writes a file that they need. If it writes to /output_dir itself, they need to
    name the same file.
    """
    words = {*_WORD.findall(text_of(failed))}
    names = words - _COMMON - set(map(name_of, nodes(failed, "command")))
    function = _around(failed, "function_definition")
    called = "" if function is None else text_of(function.child_by_field_name("name"))
    noticed = Noticed.NO
    for part in parts:
        if called and _first_name(part) == called:  # retry a || exit 1
            continue
        if _tests(part) or any(map(_requires, nodes(part, "command"))):
            return Noticed.YES
        for each in nodes(part, "command"):
            whole = (
                each.parent
                if each.parent is not None and each.parent.type == "redirected_statement"
                else each
            )
            is_needed = not words & _OUTPUT or names & {*_WORD.findall(text_of(whole))}
            if not _is_idle(each) and (called or is_needed):
                noticed = Noticed.PERHAPS
    return noticed


def _tests(node: Node) -> bool:
    """Whether a command looks at how something before it ended."""
    while node.type in {"list", "negated_command", "redirected_statement"} and node.named_children:
        node = node.named_children[0]
    if node.type in {"if_statement", "case_statement"}:
        return True
    return (
        _is_test(node)
        or _fails(node)
        or (node.type == "subshell" and any(map(_fails, nodes(node, "command"))))
    )


def _is_test(node: Node) -> bool:
    return node.type == "test_command" or name_of(node) in _TESTS or text_of(node).startswith("((")


def _all_tests(part: Node) -> Iterator[Node]:
    return filter(_is_test, nodes(part, "test_command", "command", "compound_statement"))


def _is_final_test(node: Node, loop: Node, *, is_last: bool) -> bool:
    """Whether a test in a loop makes the line fail, instead of only deciding what follows it there."""
    decides = False
    parent = node.parent
    while parent is not None and parent.type in {"list", "redirected_statement"}:
        decides |= parent.type == "list" and parent.named_children[-1] != node
        node, parent = parent, parent.parent
    body = loop.child_by_field_name("body")
    if body is None or parent != body:
        return False
    return not decides or (is_last and node == body.named_children[-1])


def _requires(node: Node) -> bool:
    """Whether a command fails if a variable is not set, or is itself the value of one (`$succeeded`)."""
    return name_of(node).startswith("$") or _REQUIRED.search(text_of(node)) is not None


def _fails(node: Node) -> bool:
    """Whether a command only exists to fail, such as `exit 1`."""
    words = text_of(node).split()
    return name_of(node) in {"exit", "return", "false"} and words[1:2] != ["0"]


def _fails_for_certain(node: Node) -> bool:
    return _fails(node) and len(text_of(node).split()) > 1


def _is_endless(loop: Node) -> bool:
    """Whether nothing but a command in a loop ends it, such as `while true`."""
    words = text_of(loop).split(maxsplit=2)
    if loop.type == "while_statement":
        return words[1].rstrip(";") in {"while": {"true", ":"}, "until": {"false"}}[words[0]]
    return loop.type == "c_style_for_statement" and loop.child_by_field_name("condition") is None


def _gives_up(loop: Node, attempt: Node) -> bool:
    """Whether a loop also ends after some failures, as in `until a; do [ $n -ge 3 ] && break; done`."""
    if attempt == loop:
        condition = loop.child_by_field_name("condition")
        if condition is not None and condition.type == "list" and any(_all_tests(condition)):
            return True
    body = loop.child_by_field_name("body")
    others = [] if body is None else [each for each in body.named_children if each != attempt]
    others += filter(_is_else, attempt.children)
    return any(
        any(map(_is_test, nodes(other, "test_command", "command", "compound_statement")))
        and any(map(leaves, nodes(other, "command")))
        for other in others
    )


def _loop_around(node: Node) -> Node | None:
    """The loop that a `break` in a node would leave."""
    parent = node.parent
    while parent is not None and parent.type not in LOOPS:
        parent = None if parent.type == "function_definition" else parent.parent
    return parent


def _around(node: Node, kind: str) -> Node | None:
    parent = node.parent
    while parent is not None and parent.type != kind:
        parent = parent.parent
    return parent


def _conditions_around(node: Node) -> Iterator[Node]:
    """Yield the conditions of the loops around a node."""
    loop = _loop_around(node)
    while loop is not None:
        condition = loop.child_by_field_name("condition")
        if condition is not None:
            yield condition
        loop = _loop_around(loop)


def _first_name(node: Node) -> str:
    """The name of the first command in a list."""
    while node.type in {"list", "redirected_statement"}:
        node = node.named_children[0]
    return name_of(node)


def _following(node: Node, *, until: Node | None = None, succeeded: bool = False) -> Iterator[Node]:
    """Yield what the shell may still run after a node, up to the end of a loop, or else of the line.

    Args:
        node: What has run.
        until: The loop.
        succeeded: Whether the exit code is 0, so that nothing after `||` runs.
    """
    current: Node | None = node
    while current is not None and current != until:
        parent = current.parent
        skips = (
            succeeded and parent is not None and parent.type == "list" and text_of(parent.children[1]) == "||"
        )
        sibling = None if skips else current.next_sibling
        while sibling is not None:
            yield sibling
            sibling = sibling.next_sibling
        current = parent


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
    return (
        name_of(node) in _IDLE
        or node.type in _ARITHMETIC
        or (node.type == "compound_statement" and text_of(node).startswith("(("))
    )
