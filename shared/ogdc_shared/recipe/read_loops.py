"""Advice on loops that lose entries of the list that they read: `while read f; do …; done < list.txt`.

Programs in such a loop have the list as their standard input. One that reads it takes the rest of the list,
and the loop ends with 0 as if it had come to the end. And `read` fails on a last line without a line break,
so that the loop ends without it.
Source: the Bash Reference Manual, "Bash Builtins", read, and "Lists", on redirections of compound commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ogdc_shared.recipe.syntax import name_of, nodes, short, text_of, unquoted

if TYPE_CHECKING:
    from tree_sitter import Node

_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_READERS = {
    "ssh": re.compile(r"-[a-zA-Z]*[nf][a-zA-Z]*"),
    "ffmpeg": re.compile("-nostdin"),
    "parallel": re.compile(r":::.*|-a|--arg-file.*"),
    "xargs": re.compile(r"-a.*|--arg-file.*"),
    "srun": re.compile(r"-i.*|--input.*"),
    "sftp": re.compile(r"-b.*"),
    "psql": re.compile(r"-[a-zA-Z]*[cfl].*|--(command|file|list).*"),
    "mysql": re.compile(r"-[a-zA-Z]*e.*|--execute.*"),
    "gdaltransform": re.compile("-coord"),
    "tee": None,
    "tr": None,
}
"""Programs that read their standard input, each with the options with which they do not."""
_CONTAINERS = frozenset({"docker", "podman", "kubectl", "nerdctl"})
_INTERACTIVE = re.compile(r"-[a-z]*i[a-z]*|--interactive|--stdin")
FILTERS = {
    **dict.fromkeys(("cat", "tac", "sort", "uniq", "wc", "head", "tail", "cut", "nl", "rev", "bc"), 0),
    **dict.fromkeys(("md5sum", "sha1sum", "sha256sum", "gzip", "gunzip", "zcat", "bzip2", "xz"), 0),
    **dict.fromkeys(("python", "python3", "perl", "bash", "sh", "dash", "zsh", "ksh"), 0),
    **dict.fromkeys(("sed", "awk", "gawk", "mawk", "grep", "egrep", "fgrep", "jq", "sqlite3", "duckdb"), 1),
    "gdallocationinfo": 1,
    "cs2cs": 2,
}
"""Programs that read their standard input if they have no file, with the number of other operands."""
_READS_NOTHING = re.compile(
    r"--?(version|help)|-[a-zA-Z]*[rR]|--recursive|-n|--null-input|-[cm].*|--(expression|file|regexp).*"
)
"""Options with which a filter without a file may not read its standard input."""
_STARTERS = frozenset(
    {"timeout", "nice", "ionice", "env", "sudo", "time", "nohup", "stdbuf", "command", "exec", "setsid"}
)
"""Programs that start another with their own standard input."""
_STDIN = re.compile(r"/vsistdin(/|_)|/dev/stdin\b|/dev/fd/0\b|/proc/self/fd/0\b")
_COPIES = frozenset({"cat", "sed", "tr", "head", "tail"})
"""Programs that end their output as their input ends, with or without a line break."""
_GIVEN = re.compile(r"\binput_dir/|\$\{?(?:INPUT_DIR|INPUT_FILE|RECIPE_DIR)\b")
"""Occurs in the paths of files that others wrote."""


def lost_entries(root: Node) -> Iterator[str]:
    """Yield advice on the first loop of each kind that may not come to the end of its list."""
    functions = {
        text_of(node.child_by_field_name("name")): body
        for node in nodes(root, "function_definition")
        if (body := node.child_by_field_name("body"))
    }
    loops = [node for node in nodes(root, "while_statement") if _reads(node)]
    for loop in loops:
        body = loop.child_by_field_name("body")
        reader = None if body is None else next(_readers(body, functions), None)
        if reader is not None:
            yield (
                f"reads a list in a loop, and `{short(text_of(reader))}` in that loop reads from the same "
                "standard input, so the rest of the list may be skipped. Add `< /dev/null` to that program."
            )
            break
    for loop in loops:
        given = _given_list(loop)
        if given and (condition := _condition(loop)) and condition.type != "list":
            yield (
                f"skips the last line of {short(given)} if that does not end with a line break. "
                f'Write `while {short(text_of(condition))} || [ -n "${_first_variable(condition)}" ]; do`.'
            )
            break


def _condition(loop: Node) -> Node | None:
    return next((child for child in loop.named_children if child.type not in {"do_group", "comment"}), None)


def _first_variable(read: Node) -> str:
    """The first variable that `read` assigns; the last one if that could be the value of an option."""
    words = [text_of(word) for word in read.named_children if word.type == "word"]
    names = [word for word in words if not word.startswith("-")] or ["REPLY"]
    has_value = any(re.fullmatch(r"-[ers]*[adinNptu]", word) for word in words)
    return names[-1 if has_value else 0]


def _reads(loop: Node) -> bool:
    """Whether a loop asks `read` for each line of its standard input."""
    body = loop.child_by_field_name("body")
    return any(
        name_of(command) == "read"
        and not any(re.match(r"-\w*u", text_of(word)) for word in command.named_children)
        and not _is_redirected(command)
        for part in loop.named_children
        if part != body
        for command in nodes(part, "command")
    )


def _is_redirected(command: Node) -> bool:
    """Whether a command has a standard input of its own."""
    parent = command.parent
    around = [] if parent is None or parent.type != "redirected_statement" else parent.named_children
    return any(map(_is_input, (*command.named_children, *around)))


def _is_input(redirect: Node) -> bool:
    if redirect.type == "file_redirect":
        return re.match(r"0?<", text_of(redirect)) is not None
    return redirect.type in _REDIRECTS


def _readers(body: Node, functions: dict[str, Node]) -> Iterator[Node]:
    """Yield the commands that read the standard input of a loop, without recursion."""
    pending, called = [body], set[str]()
    while pending:
        node = pending.pop()
        children = node.named_children
        if node.type in {"function_definition", "comment"} or text_of(node).startswith(">("):
            continue
        if node.type == "pipeline":
            children = children[:1]  # the others read from the one before
        elif any(map(_is_input, children)):
            children = [child for child in children if child.type in _REDIRECTS]
        elif node.type == "command":
            if _reads_stdin([unquoted(word) for word in children if word.type != "variable_assignment"]):
                yield node
            name = name_of(node)
            if name in functions and name not in called:
                called.add(name)
                pending.append(functions[name])
        pending += reversed(children)


def _reads_stdin(words: list[str]) -> bool:
    if any(map(_STDIN.search, words)):
        return True
    program = PurePosixPath(words[0]).name if words else ""
    if program in _STARTERS:
        started = range(1, len(words))
        known = (at for at in started if PurePosixPath(words[at]).name in {*_READERS, *FILTERS, *_CONTAINERS})
        first = next(known, None)
        return first is not None and _reads_stdin(words[first:])
    arguments = words[1:]
    if program in _CONTAINERS:
        return any(map(_INTERACTIVE.fullmatch, arguments))
    if program in _READERS:
        without = _READERS[program]
        return without is None or not any(map(without.fullmatch, arguments))
    return program in FILTERS and _has_no_file(arguments, others=FILTERS[program])


def _has_no_file(arguments: list[str], *, others: int) -> bool:
    """Whether a filter has only options and `others` operands, such as its script, or `-` as its file."""
    operands = [word for word in arguments if not word.startswith("-")]
    if "-" in arguments:
        return len(operands) <= others or operands[:1] != arguments[:1]
    is_computing = others == 1 and operands[:1] and re.match(r"\s*BEGIN\b", operands[0])
    return len(operands) <= others and not is_computing and not any(map(_READS_NOTHING.fullmatch, arguments))


def _given_list(loop: Node) -> str:
    """What a loop reads and may end without a line break: an input, a file of the recipe, or a text."""
    parent = loop.parent
    if parent is None:
        return ""
    if parent.type == "pipeline":
        return _unended([child for child in parent.named_children if child.end_byte <= loop.start_byte])
    for redirect in parent.named_children if parent.type == "redirected_statement" else ():
        source = redirect.child_by_field_name("destination") if _is_input(redirect) else None
        if source is not None and source.type == "process_substitution":
            inner = source.named_children[:1]
            return _unended(inner[0].named_children if inner and inner[0].type == "pipeline" else inner)
        if source is not None and _GIVEN.search(text_of(source)):
            return text_of(source)
    return ""


def _unended(programs: list[Node]) -> str:
    """What the programs of a pipe pass on, perhaps without a line break at its end."""
    if not programs or any(name_of(each) not in _COPIES for each in programs[1:]):
        return ""
    words = [unquoted(word) for word in programs[0].named_children] or [""]
    if words[0] == "printf" and words[1:2] and not words[1].endswith(("\n", "\\n", "\\0")):
        return f"`{text_of(programs[0])}`"
    if words[0] == "echo" and "-n" in words:
        return f"`{text_of(programs[0])}`"
    return next((word for word in words[1:] if _GIVEN.search(word)), "") if words[0] in _COPIES else ""
