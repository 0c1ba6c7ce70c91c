"""Finding commands in a line that may fail although the line succeeds.

With `set -e` a shell exits when a command fails, but not where the command's exit code is an answer: in a
condition, before `&&` and `||`, and after `!`. That holds for everything inside: in `{ a; b; } || c` a failed
`a` is ignored, and `c` depends on `b` alone. So a failure is unnoticed where the shell does not exit and the
exit code is not used.
Source: the Bash Reference Manual, "The Set Builtin", -e; POSIX.1-2024, XCU 2.15, set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ogdc_shared.recipe.attempts import (
    LOOPS,
    Noticed,
    after_assignment,
    exhaustion,
    is_attempt,
    is_in_loop,
    is_left_after,
    leaves,
    only_reports,
)
from ogdc_shared.recipe.syntax import (
    NOT,
    has_node,
    name_of,
    nodes,
    parsed,
    parts_of,
    short,
    text_of,
    unquoted,
    without_negation,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_QUESTIONS = frozenset(
    {"[", "test", "command", "type", "which", "hash", "grep", "egrep", "fgrep", "cmp", "diff"}
)
"""Programs that answer by their exit code, so that failing is no failure."""
_HARMLESS = frozenset(
    {"echo", "printf", "true", ":", "break", "continue", "exit", "return", "sleep", "shift", "read"}
    | {"kill", "local", "cd", "pushd", "popd", "set", "shopt", "umask", "ulimit", "trap"}
    | {"mkdir", "rm", "rmdir", "date", "pwd", "basename", "dirname"}
)
"""Commands that lose no data if they fail, unless `&&` makes others depend on them."""
_JUMPS = frozenset({"return", "exit", "continue"})
"""Commands that leave the rest of a list: `a && return 0; b` runs b only if a fails."""
_NOT_COMMANDS = frozenset({"comment", "file_redirect", "heredoc_redirect", "herestring_redirect"})
_SUBSTITUTIONS = ("command_substitution", "process_substitution")


class _Context(NamedTuple):
    """What becomes of a command's exit code."""

    exits: bool = True
    """Whether the shell exits if the command fails."""
    used: bool = True
    """Whether the exit code decides something: a condition, what follows `||`, how the line ends."""
    skips: bool = False
    """Whether commands after `&&` depend on it."""
    leaves: bool = False
    """Whether the exit code is that of the loop around it after the loop's last turn, and is used there."""
    tried: bool = False
    """Whether success ends the loop around it."""
    reported: bool = False
    """Whether the line only prints that it failed."""
    perhaps: bool = False
    """Whether something after it may notice that it failed."""

    @property
    def inside(self) -> _Context:
        """For commands inside something that fails with the last of them, such as a subshell."""
        return self._replace(used=self.exits or self.used, skips=False, leaves=False)


class Unnoticed(NamedTuple):
    """The first failures that go unnoticed for certain, and perhaps, each without the subject, the line."""

    certain: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()


def unnoticed_failures(root: Node) -> Unnoticed:
    """Describe the first command that may fail although the line succeeds."""
    found = list(_all_unnoticed(root))
    certain, perhaps = (
        [_problem(*each) for each in found if each[1].perhaps is wanted] for wanted in (False, True)
    )
    return Unnoticed(tuple(certain[:1]), tuple(perhaps[:1]))


def _all_unnoticed(root: Node) -> _Found:
    search = _Search(root)
    yield from search.sequence(root, _Context())
    for name, body in search.functions.items():  # those that are exported, or called through a variable
        if name not in {called for called, _ in search.called}:
            yield from search.statement(body, _Context())


def goes_on_after(root: Node) -> Iterator[Node]:
    """Yield the commands after whose failure a shell without `set -e` continues, although it matters."""
    return (node for node, _ in _Search(root).sequence(root, _Context(exits=False)))


def begins_strictly(root: Node) -> bool:
    """Whether the first command of a script makes the shell exit after a failure."""
    first = next((child for child in root.named_children if child.type != "comment"), None)
    while first is not None and first.type == "list":
        first = first.named_children[0]
    return first is not None and _errexit(first, default=False)


def _problem(node: Node, context: _Context) -> str:
    failing = f"continues if `{short(text_of(node))}` fails"
    if context.tried:
        return (
            f"{failing} each time: the loop ends as if it had succeeded. For three attempts, write "
            f"`n=0; until {short(text_of(node))}; do ((++n < 3)); sleep 5; done`."
        )
    if context.reported:
        return (
            f"{failing}, and at most prints that, so data may be missing from the result. Omit what "
            "follows (a line ends at the first program that fails), add `exit 1`, or write `|| true` if it "
            "may fail."
        )
    if context.skips:
        return (
            f"{failing}: the command after its && is silently skipped. Write `;` instead of && "
            "(a line ends at the first program that fails), or `if …; then …; fi` if it may fail."
        )
    return (
        f"{failing}: for a loop, a group, a function or a substitution before || or &&, after ! or in a "
        "condition, only the exit code of its last command counts. Omit the condition (a line ends at the "
        "first program that fails), or test the command itself."
    )


_Found: TypeAlias = "Iterator[tuple[Node, _Context]]"
"""Commands that may fail unnoticed, with their contexts."""


class _Search:
    """Walks a line once, with what becomes of each command's exit code."""

    def __init__(self, root: Node) -> None:
        self.functions = {
            text_of(node.child_by_field_name("name")): body
            for node in nodes(root, "function_definition")
            if (body := node.child_by_field_name("body"))
        }
        self.called: set[tuple[str, _Context]] = set()
        self.walks: dict[str, Callable[[Node, _Context], _Found]] = {
            "list": self._list,
            "pipeline": self._pipeline,
            "negated_command": self._negated,
            "redirected_statement": self._redirected,
            "if_statement": self._branches,
            "elif_clause": self._branches,
            "else_clause": self.sequence,
            "case_statement": self._cases,
            "subshell": self._subshell,
            "compound_statement": self.sequence,
            **dict.fromkeys(LOOPS, self._loop),
        }

    def sequence(self, node: Node, context: _Context) -> _Found:
        """Walk the commands in a node."""
        yield from self._commands(node.children, context)

    def _commands(self, children: list[Node], context: _Context) -> _Found:
        """Walk commands that run one after the other; the exit code is that of the last."""
        commands = [child for child in children if child.is_named and child.type not in _NOT_COMMANDS]
        ignored = False
        for command in commands:
            ignored = not _errexit(command, default=not ignored)
            if ignored:
                continue  # after `set +e` going on is what the author wants
            if text_of(command.next_sibling) == "&":  # the worker looks at how it ends
                yield from self.statement(command, context._replace(used=True, skips=False))
            elif command is commands[-1]:
                yield from self.statement(command, context)
            else:
                yield from self.statement(command, _Context(context.exits, used=False))

    def statement(self, node: Node, context: _Context) -> _Found:
        """As `sequence`, for one command of any kind."""
        if node.type not in {"function_definition", "comment"}:
            walk = self.walks.get(node.type, self._simple)
            yield from (self._simple if _is_arithmetic(node) else walk)(node, context)

    def _negated(self, node: Node, context: _Context) -> _Found:
        yield from self.statement(node.named_children[0], _Context(exits=False))

    def _subshell(self, node: Node, context: _Context) -> _Found:
        yield from self.sequence(node, context.inside)

    def _redirected(self, node: Node, context: _Context) -> _Found:
        for child in node.named_children:
            redirects = child.type in _NOT_COMMANDS
            yield from (self._arguments if redirects else self.statement)(child, context)

    def _cases(self, node: Node, context: _Context) -> _Found:
        for child in node.named_children:
            if child.type == "case_item":
                pattern = next(index for index, part in enumerate(child.children) if part.type == ")")
                yield from self._commands(child.children[pattern:], context)
            else:
                yield from self._arguments(child, context)

    def _list(self, node: Node, context: _Context, piped: Sequence[Node] = ()) -> _Found:
        """Walk `left && right` or `left || right`, with the programs that write to `left`."""
        left, operator, right = node.named_children[0], text_of(node.children[1]), node.named_children[-1]
        last = _last_of(right)
        if operator == "&&":
            answer = self._before_and(node, last, context)
        elif name_of(last) == "continue" and is_left_after(node):
            answer = _attempted(exhaustion(node))
        elif only_reports(_commands_of(right)):
            answer = _REPORTED
        else:
            answer = _Context(exits=False, leaves=name_of(last) in _JUMPS)
        meant = name_of(last) in {"true", ":"}  # `|| true`: failing is meant to count for nothing
        if operator == "&&" or not meant:
            if left.type == "list":
                yield from self._list(left, answer, piped)
            else:
                yield from self._programs([*piped, left], answer)
        yield from self.statement(right, context)

    def _before_and(self, node: Node, last: Node, context: _Context) -> _Context:
        """What becomes of the exit code of `left` in `left && right`."""
        if leaves(last) and (name_of(last) == "break" or is_in_loop(node)):
            if context.leaves:
                return _Context(exits=False, skips=True, leaves=True)
            return _attempted(exhaustion(node))
        used = context.used or name_of(last) in _JUMPS
        noticed = Noticed.NO if used else after_assignment(node)
        return _Context(
            exits=False,
            used=used or noticed is Noticed.YES,
            skips=True,
            leaves=context.leaves,
            reported=context.reported,
            perhaps=context.reported or noticed is Noticed.PERHAPS,
        )

    def _pipeline(self, node: Node, context: _Context) -> _Found:
        *first, last = (child for child in node.named_children if child.type != "comment")
        if last.type == "list":  # the grammar has `a | b | c || d` as `a | (b | c || d)`
            yield from self._list(last, context, first)
        else:
            yield from self._programs([*first, last], context)

    def _programs(self, programs: Sequence[Node], context: _Context) -> _Found:
        """Walk the programs of a pipe, each of which can fail the whole (pipefail)."""
        if len(programs) > 1:
            inverted = programs[0].type == "negated_command" or name_of(programs[0]) == NOT
            context = _Context(exits=False) if inverted else context.inside  # `! a | b` inverts all of it
        for program in programs:
            yield from self.statement(program, context)

    def _branches(self, node: Node, context: _Context) -> _Found:
        then = next(index for index, child in enumerate(node.children) if child.type == "then")
        asked = [child for child in node.children[:then] if child.is_named]
        affirmed = without_negation(asked)
        if is_attempt(node):
            answer = _attempted(exhaustion(node))
        elif only_reports(_branch(node, after_success=asked != affirmed)):
            answer = _REPORTED
        else:
            answer = _Context(exits=False)
        if not answer.used:
            asked = affirmed
        yield from self._commands(asked, answer)
        other = [child for child in node.children[then:] if child.type in {"elif_clause", "else_clause"}]
        yield from self._commands([child for child in node.children[then:] if child not in other], context)
        for branch in other:
            yield from self.statement(branch, context)

    def _loop(self, node: Node, context: _Context) -> _Found:
        """Walk a loop, whose exit code is that of its last turn."""
        body = node.child_by_field_name("body")
        before = [child for child in node.children if child != body]
        if node.type == "while_statement":
            yield from self._condition(node, [child for child in before if child.is_named])
        else:
            for child in before:
                yield from self._arguments(child, context)
        if body is not None:
            yield from self.sequence(body, _Context(context.exits, used=False, leaves=context.used))

    def _condition(self, loop: Node, asked: list[Node]) -> _Found:
        """Walk what a `while` or `until` asks, which may be an attempt: `until a; do sleep 5; done`."""
        waits_for_success = text_of(loop).startswith("until")
        answer = _attempted(exhaustion(loop))
        for part in [inner for each in asked for inner in parts_of(each)]:
            affirmed = without_negation([part])
            is_tried = waits_for_success is (affirmed == [part]) and not answer.used
            yield from self._commands(
                affirmed if is_tried else [part], answer if is_tried else _Context(exits=False)
            )

    def _simple(self, node: Node, context: _Context) -> _Found:
        name = name_of(node)
        noticed = context.exits or context.used
        can_fail = not _is_question(node) and not _is_plain_assignment(node)
        if not noticed and can_fail and (context.skips or name not in _HARMLESS):
            yield node, context
        body = self.functions.get(name)
        if body is not None and (name, context) not in self.called:
            self.called.add((name, context))
            yield from self.statement(body, context.inside)
        elif name == "eval":
            evaluated = parsed(" ".join(map(unquoted, node.named_children[1:])))
            yield from () if evaluated.has_error else self.sequence(evaluated, context.inside)
        yield from self._arguments(node, context)

    def _arguments(self, node: Node, context: _Context) -> _Found:
        """Walk the substitutions in words, values and redirections.

        Of an argument's, what they print is used. Their exit code is lost, but where the shell would exit the
        worker's ERR trap sees a program that fails in them.
        """
        for child in node.named_children:
            if child.type not in _SUBSTITUTIONS:
                yield from self._arguments(child, context)
            elif node.type == "variable_assignment" and not name_of(node.parent or node):
                yield from self.sequence(child, context.inside)
            else:
                yield from self.sequence(child, _Context(context.exits, used=not context.exits))


def _errexit(node: Node, *, default: bool) -> bool:
    """Whether the shell exits on failures after a command, which may be `set -e` or `set +o errexit`."""
    if name_of(node) != "set":
        return default
    words = text_of(node).split()[1:]
    for option, value in zip(words, [*words[1:], ""], strict=False):
        letters = option[1:].partition("-")[0]
        if option[0] in "+-" and ("e" in letters or (letters.endswith("o") and value == "errexit")):
            default = option[0] == "-"
    return default


_REPORTED = _Context(exits=False, used=False, reported=True, perhaps=True)


def _commands_of(node: Node) -> list[Node]:
    """The commands of a group, or the command itself."""
    grouped = node.named_children if node.type in {"compound_statement", "subshell"} else [node]
    return [child for child in grouped if child.type not in _NOT_COMMANDS]


def _branch(node: Node, *, after_success: bool) -> list[Node]:
    """The commands of an `if` that run after a success or a failure of its condition."""
    others = [child for child in node.children if child.type in {"elif_clause", "else_clause"}]
    if after_success:
        then = next(index for index, child in enumerate(node.children) if child.type == "then")
        return [child for child in node.children[then:] if child.is_named and child not in others]
    return others[0].named_children if others and others[0].type == "else_clause" else []


def _attempted(noticed: Noticed) -> _Context:
    """What becomes of the exit code of a command that is tried again."""
    return _Context(
        exits=False,
        used=noticed is Noticed.YES,
        skips=True,
        tried=noticed is not Noticed.YES,
        perhaps=noticed is Noticed.PERHAPS,
    )


def _is_arithmetic(node: Node) -> bool:
    return node.type == "compound_statement" and text_of(node).startswith("((")


def _is_plain_assignment(node: Node) -> bool:
    return node.type == "variable_assignment" and not has_node(node, *_SUBSTITUTIONS)


def _is_question(node: Node) -> bool:
    return node.type in {"test_command", "compound_statement"} or name_of(node) in _QUESTIONS


def _last_of(node: Node) -> Node:
    """The last command that something runs."""
    while (
        node.type in {"compound_statement", "subshell", "list", "redirected_statement"}
        and node.named_children
    ):
        commands = [child for child in node.named_children if child.type not in _NOT_COMMANDS]
        node = commands[-1] if commands else node.named_children[-1]
    return node
