"""Static analysis of command lines: commands without effect, and failures that would go unnoticed.

A problem is a certain mistake, and the recipe is rejected. Advice is about a probable mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.recipe.other_shells import STARTED, other_shells
from ogdc_shared.recipe.overwritten import emptied_inputs, overwritten_outputs
from ogdc_shared.recipe.read_loops import lost_entries
from ogdc_shared.recipe.shell import is_plain
from ogdc_shared.recipe.syntax import has_node, name_of, nodes, parsed, short, text_of
from ogdc_shared.recipe.unnoticed import unnoticed_failures

if TYPE_CHECKING:
    from tree_sitter import Node

    from ogdc_shared.recipe.shell import Shell

_FILE_VARIABLES = ("INPUT_FILE", "OUTPUT_FILE")
_QUOTE, _DASH = "typographic quote", "typographic dash"
_BLANK, _INVISIBLE = "blank that is not a space", "character that cannot be seen"
_ODD = {
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", (_QUOTE, 'write " instead')),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", (_QUOTE, "write ' instead")),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", (_DASH, "write - instead")),
    **dict.fromkeys("\u00a0\u2007\u202f\u3000", (_BLANK, "write a space instead")),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", (_INVISIBLE, "remove it")),
}
"""Characters that word processors and web pages put in place of plain ones: what each is, and what to do."""
_ODD_ONE = re.compile(f"[{''.join(_ODD)}]")
_QUOTED = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*\"""")

_SETTING = frozenset(
    {"cd", "set", "export", "alias", "unalias", "umask", "ulimit", "shopt", "unset", "readonly"}
)
"""Commands that change nothing but the shell they run in."""
_SHELL_ONLY = frozenset(
    {"variable_assignment", "variable_assignments", "declaration_command", "unset_command"}
)
_HARMLESS = frozenset(
    {"basename", "date", "dirname", "echo", "expr", "nproc", "printf", "pwd", "seq", "true", "wc"}
)
"""Programs that do not fail for lack of data."""
_STOPPING = re.compile(
    r"head\b|[ef]?grep\s(.*\s)?(-[a-zA-Z]*[qm]|--(quiet|silent|max-count)\b)", re.ASCII | re.DOTALL
)
"""Programs that stop reading before the end."""
_FAILS_ON_ERRORS = re.compile(r"-[a-zA-Z]*f[a-zA-Z]*|--fail(-with-body)?", re.ASCII)
"""Options that make curl exit with a code other than 0 if a server responds with an error."""
_COUNT = re.compile(r"(?:\(\(\s*|let\s+[\"']?)(\w+)([+-])\2(?:\s*\)\)|[\"']?)", re.ASCII)
_WRITTEN = re.compile(r">\s*([^\s>&|;]+)")
_JOINED = "Join it to the line that needs it with `;`, as in `cd /output_dir; …`."


class Findings(NamedTuple):
    """The problems and the advice about a line, each a sentence without its subject, the line."""

    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def findings(text: str, shell: Shell, *, parallel: bool) -> Findings:
    """Check a line that is a whole command.

    Args:
        text: The line.
        shell: The shell that will run it.
        parallel: Whether it will run once for each file.
    """
    advice = list(_odd_characters(text))
    if is_plain(text) and not _needs_parsing(text):
        return Findings(advice=tuple(advice))
    root = parsed(text)
    if not root.has_error:  # the shell has accepted the line, so it knows more than this parser
        with suppress(RecursionError):  # no helpful findings about such deep nesting
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
    if shell.strict:
        unnoticed = unnoticed_failures(root)
        problems += unnoticed.certain
        advice += unnoticed.perhaps
    return Findings(tuple(problems), tuple(advice))


def _ignored_substitutions(root: Node, shell: Shell) -> Iterator[str]:
    """Yield advice on a substitution in an argument, since only strict bash checks its exit code."""
    for node in nodes(root, "command_substitution"):
        inner = node.named_children[0] if node.named_children else None
        if inner is not None and name_of(inner) not in _HARMLESS and not _is_assigned(node):
            yield (
                f"passes on the output of `{short(text_of(node))}`, whose exit code {shell.program} ignores. "
                'Assign it first, as in x=$(…); use "$x", or omit the #! line.'
            )
            return


def _is_assigned(node: Node) -> bool:
    """Whether a substitution is the value of an assignment, which fails with it."""
    parent = node.parent
    while parent is not None and parent.type not in {"command", "test_command", "variable_assignment"}:
        parent = parent.parent
    return (
        parent is not None
        and parent.type == "variable_assignment"
        and (parent.parent is None or parent.parent.type != "declaration_command")
    )


def _err_traps(root: Node, shell: Shell) -> Iterator[str]:
    """Yield advice on a trap that replaces the worker's own."""
    traps = (text_of(node).upper().split()[1:] for node in nodes(root, "command") if name_of(node) == "trap")
    if shell.strict and shell.program == "bash" and any("ERR" in words for words in traps):
        yield (
            "sets a trap for ERR, so a failed program in `$(…)` or `<(…)` goes unnoticed. Omit it: a line "
            "ends at the first program that fails, and the message names that program."
        )


def _needs_parsing(text: str) -> bool:
    """Whether a plain line can have findings other than odd characters."""
    first = text.split(maxsplit=1)[0]
    return (
        "=" in first
        or "|" in text
        or first in _SETTING | {"source", ".", "declare", "typeset", "find", "curl", "trap"}
        or "eval" in text
        or ("{}" in text and "/output_dir/" in text)
        or any(text.count(each) > 1 for each in _WRITTEN.findall(text))
        or STARTED.search(text) is not None
        or any(name in text for name in _FILE_VARIABLES)
    )


def _odd_characters(text: str) -> Iterator[str]:
    """Yield advice on characters outside quotes that only look like the shell's."""
    seen = set()
    for found in _ODD_ONE.findall(_QUOTED.sub("", text)):
        what, instead = _ODD[found]
        if what not in seen:
            seen.add(what)
            yield f"contains the {what} {found} (U+{ord(found):04X}), a letter to the shell; {instead}."


def _no_effect(root: Node) -> Iterator[str]:
    """Yield the problem of a line that only sets up a shell that then ends; it would also leave no output."""
    commands = _statements(root)
    if (
        commands
        and all(map(_only_sets_up, commands))
        and not has_node(root, "command_substitution", "file_redirect")
    ):
        yield f"has no effect, because each line runs in a separate shell. {_JOINED}"


def _statements(node: Node) -> list[Node]:
    """Return the commands of a line that `;`, `&&` and `||` join."""
    if node.type in {"program", "list"}:
        return [inner for child in node.named_children for inner in _statements(child)]
    return [] if node.type == "comment" else [node]


def _only_sets_up(node: Node) -> bool:
    return node.type in _SHELL_ONLY or node.type == "function_definition" or name_of(node) in _SETTING


def _sourced(root: Node) -> Iterator[str]:
    if any(name_of(node) in {"source", "."} for node in _statements(root)[-1:]):
        yield f"ends with reading a file, and the settings in it are lost at the end of the line. {_JOINED}"


def _file_variables(root: Node) -> Iterator[str]:
    """Yield findings on variables that only parallel recipes have, unless the line assigns them."""
    given = {text_of(node.child_by_field_name("name")) for node in nodes(root, "variable_assignment")}
    given |= {text_of(node.child_by_field_name("variable")) for node in nodes(root, "for_statement")}
    for name in _FILE_VARIABLES:
        used = any(_lacks_a_value(node, name) for node in nodes(root, "simple_expansion", "expansion"))
        if used and name not in given:
            yield (
                f"uses ${name}, which is only set in parallel recipes (workflow.parallel.enabled: true); "
                "read from /input_dir/ and write to /output_dir/."
            )


def _lacks_a_value(node: Node, name: str) -> bool:
    return re.fullmatch(rf"\$(?:{name}|\{{{name}(?:[#%/].*)?\}})", text_of(node)) is not None


def _unsure_answers(root: Node) -> Iterator[str]:
    """Yield advice on a condition if its result depends on which program of a pipe is quicker."""
    for node in nodes(root, "pipeline"):
        if _is_answer(node) and any(_STOPPING.match(text_of(each)) for each in node.named_children[1:]):
            yield (
                f"tests `{short(text_of(node))}`, which may stop reading early: a program that is still "
                "writing then counts as failed, and the condition is false. Read all of the input, for "
                "example with `grep … > /dev/null` or `sed -n 1p`."
            )
            return


def _counting(root: Node) -> Iterator[str]:
    """Yield advice on an arithmetic command that counts, since it fails when its value is 0."""
    for node in nodes(root, "compound_statement", "command"):
        found = _COUNT.fullmatch(text_of(node))
        if found and not _is_answer(node):
            name, operator = found.groups()
            yield (
                f"ends at `{text_of(node)}` when {name} is 0, because the exit code is then 1. "
                f"Write `{name}=$(({name} {operator} 1))`."
            )
            return


def _is_answer(node: Node) -> bool:
    """Whether a command's exit code is used as a condition, instead of only making the line fail."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "negated_command" or parent.child_by_field_name("condition") == node:
        return True
    if parent.type == "list" and parent.named_children[0] == node:
        return True
    return parent.type in {"list", "redirected_statement"} and _is_answer(parent)


def _unnoticed_by(root: Node, shell: Shell) -> Iterator[str]:
    """Yield advice on failures that go unnoticed and cannot be made to end the line."""
    if shell.strict and shell.program not in {"sh", "dash"}:
        yield from _unsure_answers(root)
    if shell.strict:
        yield from _counting(root)
    for node in nodes(root, "command"):
        if name_of(node) == "curl" and not any(map(_FAILS_ON_ERRORS.fullmatch, text_of(node).split())):
            yield (
                "accepts a server's error message as the file, because curl exits with 0. Use --fail, or "
                "make the file an input (type: url)."
            )
            break
    yield from other_shells(root)
    yield from lost_entries(root)
    yield from overwritten_outputs(root)
    yield from emptied_inputs(root)
    yield from _err_traps(root, shell)
    if any(name_of(node) == "coproc" for node in nodes(root, "command")):
        yield "starts a coproc, and its exit code is ignored. Use a pipe, or `&` and `wait`."
    for node in nodes(root, "command"):
        words = text_of(node).split()
        if name_of(node) == "find" and {"-exec", "-execdir"} & set(words) and not words[-1].endswith("+"):
            yield (
                "continues if the program after -exec fails, because find ignores it. "
                "Write `find … -print0 | xargs -0 -n 1 …`, which does not."
            )
            break
    if shell.strict and shell.program != "bash":
        yield from _ignored_substitutions(root, shell)
    if shell.strict and shell.program in {"sh", "dash"} and has_node(root, "pipeline"):
        yield (
            f"has a pipe, and {shell.program} only checks its last program. "
            "Start the file with #!/bin/bash, or omit the #! line."
        )
