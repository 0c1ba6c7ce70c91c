"""Static analysis of command lines: commands without effect, and failures that would go unnoticed.

A problem is certain, and the recipe is rejected. Advice is about probable mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.recipe.shell import is_plain
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

    from ogdc_shared.recipe.shell import Shell

_FILE_VARIABLES = ("INPUT_FILE", "OUTPUT_FILE")
_QUOTE, _DASH = "typographic quote", "typographic dash"
_BLANK, _INVISIBLE = "blank that is no space", "character that cannot be seen"
_ODD = {
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", (_QUOTE, 'write " instead')),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", (_QUOTE, "write ' instead")),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", (_DASH, "write - instead")),
    **dict.fromkeys("\u00a0\u2007\u202f\u3000", (_BLANK, "write a space instead")),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", (_INVISIBLE, "remove it")),
}
"""What word processors and web pages put in the place of plain characters, and what to do about it."""
_ODD_ONE = re.compile(f"[{''.join(_ODD)}]")
_QUOTED = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*\"""")

_SETTING = frozenset(
    {"cd", "set", "export", "alias", "unalias", "umask", "ulimit", "shopt", "unset", "readonly"}
)
"""Commands that change nothing but the shell they run in."""
_SHELL_ONLY = frozenset(
    {"variable_assignment", "variable_assignments", "declaration_command", "unset_command"}
)
_QUESTIONS = frozenset(
    {"[", "test", "command", "type", "which", "hash", "grep", "egrep", "fgrep", "cmp", "diff"}
)
"""Programs that answer by their exit code, so that failing is no failure."""
_STOPPING = re.compile(
    r"head\b|[ef]?grep\s(.*\s)?(-[a-zA-Z]*[qm]|--(quiet|silent|max-count)\b)", re.ASCII | re.DOTALL
)
"""Programs that stop reading before the end."""
_FAILS_ON_ERRORS = re.compile(r"-[a-zA-Z]*f[a-zA-Z]*|--fail(-with-body)?", re.ASCII)
"""What has curl end with something else than 0 where a server answers with an error."""
_ENDS = frozenset({"program", "subshell", "function_definition"})
"""Where the last command's exit code counts, whatever comes after."""
_PASS_ON = frozenset(
    {"redirected_statement", "compound_statement", "if_statement", "else_clause", "elif_clause"}
    | {"case_item", "case_statement"}
)
"""Whose exit code is that of the last command in them; a shell does not look at it there."""
_LOOPS = frozenset({"for_statement", "c_style_for_statement", "while_statement"})
_COMPOUNDS = _LOOPS | {"compound_statement", "subshell", "if_statement", "case_statement"}
_INNER = frozenset({"do_group", "else_clause", "elif_clause", "case_item", "redirected_statement"})
"""What compounds are made of."""
_NEVER_FAIL = frozenset(
    {"echo", "printf", "true", ":", "break", "continue", "exit", "return", "sleep", "shift", "read"}
    | {"kill", "local", "cd", "pushd", "popd", "set", "shopt", "umask", "ulimit", "trap"}
    | {"mkdir", "rm", "rmdir", "date", "pwd", "basename", "dirname"}
)
"""Commands whose failing, if they fail at all, has no data go missing."""
_BRANCHES = frozenset({"comment", "else_clause", "elif_clause", "case_item"})
_REDIRECTIONS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
"""The grammar has what a redirection follows in it: `a && b > c` as `(a && b) > c`."""
_JOINED = "Join it to the line that needs it with `;`, as in `cd /output_dir; …`."


class Findings(NamedTuple):
    """What there is to say of a line, each without its subject, the line."""

    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def findings(text: str, shell: Shell, *, parallel: bool) -> Findings:
    """Look at a line that is a whole command.

    Args:
        text: The line.
        shell: What will run it.
        parallel: Whether it will run once for each file.
    """
    advice = list(_odd_characters(text))
    if is_plain(text) and not _needs_parsing(text):
        return Findings(advice=tuple(advice))
    root = _parser().parse(text.encode()).root_node
    if not root.has_error:  # else the shell, which has read it, knows more than this parser
        with suppress(RecursionError):  # of what is nested so deeply there is nothing helpful to say
            problems, more = _findings(root, shell, parallel=parallel)
            return Findings(problems, (*advice, *more))
    return Findings(advice=tuple(advice))


def _findings(root: Node, shell: Shell, *, parallel: bool) -> Findings:
    problems = list(_no_effect(root))
    advice = [*_sourced(root), *_unnoticed_by(root, shell)]
    if problems:
        return Findings(tuple(problems))
    if not parallel:
        (problems if shell.strict else advice).extend(_file_variables(root))
    if shell.strict and not _goes_on(root):
        problems += _unnoticed_lists(root) or _unnoticed_inside(root)
    return Findings(tuple(problems), tuple(advice))


def _needs_parsing(text: str) -> bool:
    """Whether there can be something to say of a plain line beside its characters."""
    first = text.split(maxsplit=1)[0]
    return (
        "=" in first
        or "|" in text
        or first in _SETTING | {"source", ".", "declare", "typeset", "find", "curl"}
        or any(name in text for name in _FILE_VARIABLES)
    )


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def _odd_characters(text: str) -> Iterator[str]:
    """Tell of characters outside of quotes that only look like those the shell knows."""
    seen = set()
    for found in _ODD_ONE.findall(_QUOTED.sub("", text)):
        what, instead = _ODD[found]
        if what not in seen:
            seen.add(what)
            yield f"holds the {what} {found} (U+{ord(found):04X}), a letter to the shell; {instead}."


def _no_effect(root: Node) -> Iterator[str]:
    """Tell of a line that only sets up a shell which then ends; it would leave no output, either."""
    commands = _statements(root)
    if (
        commands
        and all(map(_only_sets_up, commands))
        and not _any(root, "command_substitution", "file_redirect")
    ):
        yield f"can have no effect: each line runs in a shell of its own. {_JOINED}"


def _statements(node: Node) -> list[Node]:
    """The commands of a line that are joined by `;`, `&&` and `||`."""
    if node.type in {"program", "list"}:
        return [inner for child in node.named_children for inner in _statements(child)]
    return [] if node.type == "comment" else [node]


def _only_sets_up(node: Node) -> bool:
    return node.type in _SHELL_ONLY or node.type == "function_definition" or _name(node) in _SETTING


def _sourced(root: Node) -> Iterator[str]:
    if any(_name(node) in {"source", "."} for node in _statements(root)[-1:]):
        yield f"ends by reading a file; what that sets is gone when the line ends. {_JOINED}"


def _file_variables(root: Node) -> Iterator[str]:
    """Tell of variables that only parallel recipes have; not where the line gives them a value."""
    given = {_text(node.child_by_field_name("name")) for node in _all(root, "variable_assignment")}
    given |= {_text(node.child_by_field_name("variable")) for node in _all(root, "for_statement")}
    for name in _FILE_VARIABLES:
        used = any(_lacks_a_value(node, name) for node in _all(root, "simple_expansion", "expansion"))
        if used and name not in given:
            yield (
                f"uses ${name}, which has a value in parallel recipes alone (workflow.parallel.enabled: "
                "true); read from /input_dir/ and write to /output_dir/."
            )


def _lacks_a_value(node: Node, name: str) -> bool:
    return re.fullmatch(rf"\$(?:{name}|\{{{name}(?:[#%/].*)?\}})", _text(node)) is not None


def _goes_on(root: Node) -> bool:
    """Whether the line begins with `set +e`, and does not take it back."""
    statements = _statements(root)
    settings = [node for node in statements if _name(node) == "set"]
    return bool(settings) and settings == statements[:1] and "+e" in _text(settings[0]).split()


def _unnoticed_lists(root: Node) -> list[str]:
    """Tell of `a && b` where a shell goes on after a failed `a`: anywhere but at a line's end."""
    for node in _all(root, "list"):
        first = node.named_children[0]
        operator = _text(node.children[1])
        if operator == "&&" and not _is_question(first) and not _is_noticed(node):
            return [
                f"goes on where `{_short(_text(first))}` fails: what follows its && is left out, and nothing "
                "tells of it. Write `;` instead of && (a line ends at the first program that fails), or "
                "`if …; then …; fi` where failing is meant."
            ]
    return []


def _unnoticed_inside(root: Node) -> list[str]:
    """Tell of loops, groups and functions that `||`, `&&`, `!` or `if` asks how they ended.

    A shell does not look at what fails in them then: only the last command's exit code counts, and of a loop
    that of the last turn.
    """
    functions = {
        _text(node.child_by_field_name("name")): node.child_by_field_name("body")
        for node in _all(root, "function_definition")
    }
    for node in _all(root, "command", *_COMPOUNDS):
        body = functions.get(_name(node)) if node.type == "command" else node
        if body is not None and _is_answer(_piped(node)) and not _is_forgiven(_piped(node)):
            unnoticed = next(_passed_over(body), None)
            if unnoticed is not None:
                return [
                    f"goes on where `{_short(_text(unnoticed))}` fails: of a loop, a group or a function "
                    "before || or &&, after ! or in a condition, only how its last command ended counts. "
                    "Leave that out (a line ends at the first program that fails), or ask after the command "
                    "itself."
                ]
    return []


def _piped(node: Node) -> Node:
    """The pipe that something is part of, else itself."""
    whole = node.parent if node.parent and node.parent.type == "redirected_statement" else node
    return whole.parent if whole.parent and whole.parent.type == "pipeline" else node


def _is_forgiven(node: Node) -> bool:
    """Whether failing is meant to count for nothing: `… || true`."""
    parent = node.parent
    while parent is not None and parent.type in {"list", "redirected_statement"}:
        if parent.type == "list" and _text(parent.children[1]) == "||":
            return _text(parent.named_children[1]) in {"true", ":"}
        parent = parent.parent
    return False


def _passed_over(node: Node, *, counts: bool = True) -> Iterator[Node]:
    """Yield the commands in something whose end is asked for that may fail unnoticed.

    Args:
        node: What it is.
        counts: Whether the exit code of its last command is that of the whole.
    """
    if _text(node.next_sibling) == "&":  # it ends later, and then it is looked at
        return
    if node.type in {"command", "pipeline"}:
        if not counts and not _is_question(node) and _name(node) not in _NEVER_FAIL:
            yield node
    elif node.type in {*_COMPOUNDS, *_INNER}:
        counts = counts and node.type not in _LOOPS
        conditions = {child.id for child in node.children_by_field_name("condition")}
        inner = [child for child in node.named_children if child.id not in conditions]
        last = [child for child in inner if child.type not in _BRANCHES | _REDIRECTIONS][-1:]
        for child in inner:
            yield from _passed_over(child, counts=counts and (child.type in _BRANCHES or child in last))


def _is_question(node: Node) -> bool:
    """Whether failing is an answer: of a test, `!`, arithmetic."""
    if node.type == "list":
        return all(_is_question(child) for child in node.named_children)
    if node.type == "redirected_statement":
        return _is_question(node.named_children[0])
    if node.type == "compound_statement":
        return _text(node).startswith("((")
    return node.type in {"test_command", "negated_command"} or _name(node) in _QUESTIONS


def _is_noticed(node: Node) -> bool:
    """Whether somebody looks at the exit code of this list: the line's end, `if`, `||` and the like."""
    parent = node.parent
    if parent is None or _is_asked(node, parent):
        return True
    if not _is_last(node):
        return False
    if parent.type == "command_substitution":
        return parent.parent is not None and parent.parent.type == "variable_assignment"
    return parent.type in _ENDS or (parent.type in _PASS_ON and _is_noticed(parent))


def _is_asked(node: Node, parent: Node) -> bool:
    """Whether what is around a command does something with its exit code."""
    if parent.type in {"list", "negated_command", "pipeline"} or _text(node.next_sibling) == "&":
        return True
    if parent.type == "elif_clause":
        return any(child.type == "then" for child in parent.children[parent.children.index(node) :])
    return bool(parent.child_by_field_name("condition") == node)


def _is_last(node: Node) -> bool:
    """Whether no command follows this one in what is around it; other branches and redirections are none."""
    following = node.next_named_sibling
    while following is not None and following.type in _BRANCHES | _REDIRECTIONS:
        following = following.next_named_sibling
    return following is None


def _unsure_answers(root: Node) -> Iterator[str]:
    """Tell of questions whose answer depends on which program of a pipe is quicker."""
    for node in _all(root, "pipeline"):
        if _is_answer(node) and any(_STOPPING.match(_text(each)) for each in node.named_children[1:]):
            yield (
                f"asks `{_short(_text(node))}`, whose end stops reading once it has enough: a program that "
                "still writes then counts as failed, and the answer is no. Have all of it read, as by "
                "`grep … > /dev/null` or `sed -n 1p`."
            )
            return


def _is_answer(node: Node) -> bool:
    """Whether something other than the line's failing depends on how a command ends."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "negated_command" or parent.child_by_field_name("condition") == node:
        return True
    if parent.type == "list" and parent.named_children[0] == node:
        return True
    return parent.type in {"list", "redirected_statement"} and _is_answer(parent)


def _unnoticed_by(root: Node, shell: Shell) -> Iterator[str]:
    """Tell of what fails unnoticed whatever we do."""
    if shell.strict and shell.program not in {"sh", "dash"}:
        yield from _unsure_answers(root)
    for node in _all(root, "command"):
        if _name(node) == "curl" and not any(map(_FAILS_ON_ERRORS.fullmatch, _text(node).split())):
            yield (
                "has curl take a server's error for the file, and end with 0. Give it --fail, or make the "
                "file an input (type: url)."
            )
            break
    if any(_name(node) == "coproc" for node in _all(root, "command")):
        yield "starts a coproc, and nobody is told how it ends. Use a pipe, or `&` and `wait`."
    for node in _all(root, "command"):
        words = _text(node).split()
        if _name(node) == "find" and {"-exec", "-execdir"} & set(words) and not words[-1].endswith("+"):
            yield (
                "goes on where the program after -exec fails, and find tells nobody. "
                "Write `find … -print0 | xargs -0 -n 1 …`, which does."
            )
            break
    if shell.strict and shell.program in {"sh", "dash"} and _any(root, "pipeline"):
        yield (
            f"has a pipe, and {shell.program} knows only how its last program ended. "
            "Begin the file with #!/bin/bash, or leave the #! line out."
        )


def _name(node: Node) -> str:
    return _text(node.child_by_field_name("name")) if node.type == "command" else ""


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode(errors="replace")


def _short(text: str) -> str:
    return shortened(text, 60)


def _all(root: Node, *types: str) -> Iterator[Node]:
    """Yield the nodes of these types, in order; without recursion, since lines nest what they like."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.type in types:
            yield node
        pending += reversed(node.named_children)


def _any(root: Node, *types: str) -> bool:
    return next(_all(root, *types), None) is not None
