"""Tells whether one line is a whole command for `sh`, by having `sh` read it without running it (`-n`)."""

from __future__ import annotations

import re
import subprocess

_ORIGIN = re.compile(r"^.*?: (line )?\d+: (syntax error:? ?)?", re.IGNORECASE)
"""What a shell puts before its complaint, such as `sh: 1: Syntax error: `."""
_SECONDS = 10

_VARIABLE = r"\$(?:[a-zA-Z_]|\{[a-zA-Z_]\w*(?:(?:%%?|##?)[\w./*?-]*)?\})"
_WORD = rf"""(?:[\w./:,@%+=~*?-]|{_VARIABLE}|'[^'\n\0]*'|"(?:[^"$`\\\n\0]|{_VARIABLE})*")+"""
_PART = rf"(?:{_WORD}|>>?[ \t]*{_WORD})"
_RESERVED = "case|do|done|elif|else|esac|fi|for|function|if|in|select|then|time|until|while"
_SIMPLE = rf"(?!(?:{_RESERVED})(?![^ \t|&>])){_PART}(?:[ \t]+{_PART})*"
_PLAIN = re.compile(rf"{_SIMPLE}(?:[ \t]*(?:\|\|?|&&)[ \t]*{_SIMPLE})*", re.ASCII)
"""Words, quoted text, variables, `>`, and pipes of them: most commands are that, and no shell refuses it."""


def problem_of(text: str) -> str | None:
    """Say what keeps the line `text` from being a whole command, without a subject; None: nothing.

    Every line of a recipe is handed to `sh -c` on its own, long after it was written and far from its author.
    """
    if _PLAIN.fullmatch(text):
        return None  # asking takes a millisecond, and a submission waits for it
    complaint = _complaint(text)
    if complaint is not None:
        return f"is not a whole command: {complaint}."
    # A here-document swallows what follows, even what could not stand anywhere else.
    if "<<" in text and _complaint(f"{text}\n)") is None:
        return "has `<<`, which needs lines of its own; use printf or a file of the recipe."
    return None


def _complaint(script: str) -> str | None:
    """What the shell says of `script`; None where it can read it."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-n"],
            input=script.encode(),
            capture_output=True,
            env={"LC_ALL": "C"},
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "the shell takes too long to read it"
    if done.returncode == 0:
        return None
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return _ORIGIN.sub("", said[0], count=1).rstrip(".") if said else "the shell cannot read it"
