"""The shell that executes a recipe's lines, and checking the syntax of a line with it.

`-n` makes a shell parse a line without executing it; the same shell is used for both.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import PurePosixPath
from typing import NamedTuple

_STRICT_OPTIONS = {
    "bash": ("-e", "-u", "-o", "pipefail"),
    "zsh": ("-e", "-u", "-o", "pipefail"),
    "ksh": ("-e", "-u", "-o", "pipefail"),
    "sh": ("-e", "-u"),
    "dash": ("-e", "-u"),
}
"""Supported shells, and the options that make each stop after a failure."""
_OPTION = re.compile(r"-[aefuvxBCEHPT]+|-l|--login|--norc|--noprofile|--posix")
"""Options allowed in a `#!` line. Others would keep the shell from reading or running a line."""

_ORIGIN = re.compile(
    r"^[^\s:]*:\s(?:-c: )?(?:line )?(?:\d+: )?(?:syntax error:? ?)?(?:near )?", re.IGNORECASE
)
"""Prefix of a shell's error message, such as `sh: 1: Syntax error: `."""
_SECONDS = 10

_VARIABLE = r"\$(?:[a-zA-Z_]|\{[a-zA-Z_]\w*(?:(?:%%?|##?)[\w./*?-]*)?\})"
_WORD = rf"""(?:[\w./:,@%+=~*?-]|{_VARIABLE}|'[^'\n\0]*'|"(?:[^"$`\\\n\0]|{_VARIABLE})*")+"""
_PART = rf"(?:{_WORD}|>>?[ \t]*{_WORD})"
_RESERVED = "case|coproc|do|done|elif|else|esac|fi|for|function|if|in|select|then|time|until|while"
_SIMPLE = rf"(?!(?:{_RESERVED})(?![^ \t|&>])){_PART}(?:[ \t]+{_PART})*"
_PLAIN = re.compile(rf"{_SIMPLE}(?:[ \t]*(?:\|\|?|&&)[ \t]*{_SIMPLE})*", re.ASCII)
"""Words, quoted texts, variables, `>`, and pipes of these. Most commands are so simple, and always valid."""


class Shell(NamedTuple):
    """The shell that runs each line."""

    program: str = "bash"
    options: tuple[str, ...] = ()
    """Options from the `#!` line."""
    strict: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments before a line."""
        strictly = _STRICT_OPTIONS[self.program] if self.strict else ()
        return (self.program, *strictly, *self.options, "-c")


class UnusableShellError(ValueError):
    """A `#!` line without a supported shell; the message is a predicate."""


def shell_of(text: str, *, strict: bool) -> Shell:
    """Return the shell for a recipe's lines: the one in its `#!` line, else bash, or sh if not strict.

    Args:
        text: Content of the file.
        strict: Whether a failing program fails its line.

    Raises:
        UnusableShellError: the `#!` line names an unsupported shell or option.
    """
    first = text.partition("\n")[0].strip()
    if not first.startswith("#!"):
        return Shell("bash" if strict else "sh", strict=strict)
    words = first.removeprefix("#!").split()
    if words and PurePosixPath(words[0]).name == "env":
        words = words[2:] if words[1:2] == ["-S"] else words[1:]
    program = PurePosixPath(words[0]).name if words else ""
    if program not in _STRICT_OPTIONS:
        known = ", ".join(_STRICT_OPTIONS)
        raise UnusableShellError(
            f"names {program or 'nothing'!r}, but lines must be run by a shell ({known}). Call another "
            "program "
            'from a line, such as `python3 "$RECIPE_DIR/tool.py"`, and leave the #! line out.'
        )
    for option in words[1:]:
        if not _OPTION.fullmatch(option):
            raise UnusableShellError(f"has {option!r}, which is not supported; remove it.")
    return Shell(program, tuple(words[1:]), strict)


def is_plain(text: str) -> bool:
    """Whether `text` is so simple that any shell accepts it; running one takes a millisecond or two."""
    return _PLAIN.fullmatch(text) is not None


def problem_of(text: str, program: str = "bash") -> str | None:
    """Return why a line is not a complete command, as a predicate; None if it is.

    Each line of a recipe is passed to a shell of its own, so it has to be complete. If the shell is not
    installed here, nothing is found.
    """
    if is_plain(text):
        return None
    complaint = _complaint(text, program)
    if complaint is not None:
        plainer = _complaint(text, "sh")  # often says what is missing, where bash is vague
        return f"is not a whole command: {plainer or complaint}."
    # A here-document would swallow the appended line, even if that is invalid anywhere else.
    if "<<" in text and _complaint("(", program) and _complaint(f"{text}\n)", program) is None:
        return "has `<<`, which needs lines of its own; use printf or a file of the recipe."
    return None


def _complaint(script: str, program: str) -> str | None:
    """Return the shell's error message about `script`; None if it is valid or the shell is not installed."""
    try:
        done = subprocess.run(
            [program, "-n"],
            input=script.encode(),
            capture_output=True,
            env={"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"},
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        return "the shell takes too long to read it"
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return _ORIGIN.sub("", lines[0], count=1).rstrip(".") if lines else "the shell cannot read it"
