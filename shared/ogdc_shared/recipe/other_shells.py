"""Advice on shells that a line starts itself, which are not strict and continue after a failed command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.recipe.syntax import STRINGS, name_of, nodes, parsed, short, text_of, unquoted
from ogdc_shared.recipe.unnoticed import begins_strictly, goes_on_after, unnoticed_failures

if TYPE_CHECKING:
    from tree_sitter import Node

_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh"})
STARTED = re.compile(rf"\b(?:{'|'.join(sorted(_SHELLS))}|parallel)\b", re.ASCII)
"""Occurs in a line that starts a shell by name."""
_PRINTS = frozenset({"echo", "printf", "seq", "yes", "true", ":"})
"""Programs before a pipe that do not fail."""


class _Script(NamedTuple):
    """Commands that another shell runs."""

    text: str
    by: str
    """What starts the shell, such as "runs `bash -c`, which"."""
    instead: str
    """How to make that shell strict."""
    exits: bool = False
    """Whether the shell exits if a command fails."""
    pipefail: bool = False


def other_shells(root: Node) -> Iterator[str]:
    """Yield advice on the first shell that continues after a failed command."""
    for script in _scripts(root):
        node = parsed(script.text)
        if node.has_error:
            continue
        exits = script.exits or begins_strictly(node)
        failing = chain(*unnoticed_failures(node)) if exits else map(_goes_on, goes_on_after(node))
        for problem in failing:
            yield f"{script.by} {problem}" if exits else f"{script.by} {problem}. {script.instead}"
            return
        if not script.pipefail and "pipefail" not in script.text and _has_unsafe_pipe(node):
            yield f"{script.by} only checks the last program of a pipe. {script.instead}"
            return


def _goes_on(node: Node) -> str:
    return f"continues if `{short(text_of(node))}` fails"


def _scripts(root: Node) -> Iterator[_Script]:
    yield from _exported_functions(root)
    for node in nodes(root, "command"):
        words = [each for each in node.named_children if each.type not in {"file_redirect", "comment"}]
        yield from _of_shell(words)
        if words and PurePosixPath(text_of(words[0])).name == "parallel":
            yield from _of_parallel(words)


def _exported_functions(root: Node) -> Iterator[_Script]:
    exported = {
        argument
        for node in nodes(root, "declaration_command")
        if re.match(r"export\s.*-\w*f|(declare|typeset)\s.*-\w*x", text_of(node), re.DOTALL)
        for argument in text_of(node).split()[1:]
    }
    for node in nodes(root, "function_definition"):
        name, body = text_of(node.child_by_field_name("name")), node.child_by_field_name("body")
        if name in exported and body is not None:
            yield _Script(
                text_of(body).strip().removeprefix("{").removesuffix("}").strip(),
                f"exports {name} to a shell that",
                f"Begin it with `set -eo pipefail`, as in `{name}() {{ set -eo pipefail; …; }}`.",
            )


def _of_shell(words: list[Node]) -> Iterator[_Script]:
    """Yield what a shell runs that is started directly, or by another program such as xargs or env."""
    for index, word in enumerate(words):
        shell = PurePosixPath(text_of(word)).name
        if shell in _SHELLS and (script := _after_options(shell, words[index + 1 :])):
            yield script


def _after_options(shell: str, words: list[Node]) -> _Script | None:
    letters, names = "", []
    rest = iter(words)
    for word in rest:
        option = text_of(word)
        if option[:1] not in {"-", "+"}:
            break
        if option.startswith("-") and not option.startswith("--"):
            letters += option[1:]
            if option.endswith("o"):
                names.append(text_of(next(rest, None)))
    else:
        return None
    if "c" not in letters:
        return None
    return _Script(
        unquoted(word),
        f"runs `{shell} -c`, which",
        "Write `bash -eo pipefail -c`.",
        exits="e" in letters or "errexit" in names,
        pipefail="pipefail" in names,
    )


def _of_parallel(words: list[Node]) -> Iterator[_Script]:
    """Yield what GNU parallel passes to a shell for each job."""
    for word in words[1:]:
        if text_of(word).startswith(":::"):
            return
        if word.type in STRINGS:
            yield _Script(
                unquoted(word), "runs `parallel`, which", "Begin its command with `set -eo pipefail; `."
            )


def _has_unsafe_pipe(root: Node) -> bool:
    return any(
        name_of(each) not in _PRINTS
        for node in nodes(root, "pipeline")
        for each in node.named_children[:-1]
        if each.type != "comment"
    )
