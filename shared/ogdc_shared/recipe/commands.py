"""The commands in a recipe's `sh_file`: one per line, each executed separately."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from shutil import which
from typing import NamedTuple

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.plan import Command
from ogdc_shared.recipe.lines import Findings, findings
from ogdc_shared.recipe.shell import Shell, UnusableShellError, problem_of, shell_of
from ogdc_shared.shortening import shortened

MAX_BYTES = 128 * 1024 - 1
"""Maximum length of a shell's argument after `-c`: Linux' MAX_ARG_STRLEN without its final NUL."""

_ON_ITS_OWN = (
    "Each line is run on its own: write the command in one line, or end all its lines but the last with \\."
)
_SHOWN = 100


class Script(NamedTuple):
    """The content of a recipe's `sh_file`."""

    commands: tuple[Command, ...]
    shell: Shell
    advice: tuple[str, ...] = ()
    """Sentences about probable mistakes, each beginning with the file's name."""


def read_script(text: str, *, file: str = "recipe.sh", strict: bool = True, parallel: bool = False) -> Script:
    r"""Read the commands of a recipe.

    A blank line and a line whose first visible character is `#` are ignored; a line that ends in `\` is
    joined with the next as the shell would; CRLF and CR end a line as LF does.

    Args:
        text: Content of the file.
        file: Name of the file, for messages.
        strict: Whether a failing program fails its line.
        parallel: Whether each command runs once per item.

    Raises:
        InvalidRecipeError: there is no command, or lines are invalid or cannot work; gives their numbers.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        shell = shell_of(text, strict=strict)
    except UnusableShellError as exc:
        raise InvalidRecipeError(
            f"{file}: line 1: {_shown(text.partition(chr(10))[0].strip())} {exc}"
        ) from None
    commands = tuple(_joined(text))
    problems: list[str] = []
    advice: list[str] = []
    for command in commands:
        found = _look_at(command.text, shell, parallel=parallel)
        if not (found.problems or found.advice):
            continue
        about = f"{file}: line {command.line}: {_shown(command.text)}"
        problems += (f"{about} {problem}" for problem in found.problems)
        advice += (f"{about} {hint}" for hint in found.advice)
    if problems or advice:
        from ogdc_shared.redact import redact_text  # imported late, as most recipes cause neither

        problems, advice = [*map(redact_text, problems)], [*map(redact_text, advice)]
    if not commands:
        problems.append(f"{file}: holds no command; write one a line.")
    if problems:
        raise InvalidRecipeError(*problems)
    if not _is_installed(shell.program, os.environ.get("PATH")):
        advice.append(
            f"{file}: {shell.program} is not installed here, so that its lines could not be checked."
        )
    return Script(commands, shell, tuple(advice))


@cache
def _is_installed(program: str, path: str | None) -> bool:
    """Whether a program is on the search path; looked up once, as it takes a system call per directory."""
    return which(program, path=path) is not None


def _joined(text: str) -> Iterator[Command]:
    r"""Yield each command with the number of its first line; a final `\` without a next line is kept."""
    lines = enumerate(text.split("\n"), start=1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = [line]
        while _goes_on(parts[-1]) and (following := next(lines, None)):
            parts[-1] = parts[-1][:-1]
            parts.append(following[1])
        yield Command(text=_trimmed("".join(parts)), line=number)


def _trimmed(text: str) -> str:
    """Remove the blanks around a command, unless the last is escaped."""
    trimmed = text.strip(" \t")
    return text.lstrip(" \t") if _goes_on(trimmed) else trimmed


def _goes_on(line: str) -> bool:
    r"""Whether a line continues on the next; `\\` at its end is an escaped backslash."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _look_at(text: str, shell: Shell, *, parallel: bool) -> Findings:
    if problem := _problem(text, shell.program):
        return Findings((problem,))
    return findings(text, shell, parallel=parallel)


def _problem(text: str, program: str) -> str | None:
    if _goes_on(text):
        return "ends in \\ and no line follows; remove the \\ or add the rest of the command."
    if _goes_on(text.rstrip(" \t")) and text != text.rstrip(" \t"):
        return "has a space after its final \\, so the next line does not belong to it; remove the space."
    if text.startswith("-"):
        return "begins with -, as no command does; if it belongs to the line before, end that one with \\."
    size = len(text.encode())
    if size > MAX_BYTES:
        return (
            f"is {size:,} bytes long, more than the {MAX_BYTES:,} of a command; put it into a script beside "
            "this file and call that as $RECIPE_DIR/NAME."
        )
    unfinished = problem_of(text, program)
    return f"{unfinished} {_ON_ITS_OWN}" if unfinished else None


def _shown(text: str) -> str:
    from ogdc_shared.redact import redact_text

    return f"`{shortened(redact_text(text), _SHOWN)}`"  # redacted before its end is cut off
