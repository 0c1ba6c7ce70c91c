"""Which words and operators may follow one another in a list of shell commands.

Only as much of it as tells a whole command from a part of one; `shell` reads the line and calls this.

Source: POSIX.1-2024, XCU sections 2.4 (reserved words) and 2.10 (shell grammar).
"""

from __future__ import annotations

_OPENERS = {"if", "while", "until", "for", "case", "{"}
_FOLLOWS = {
    "then": {"if", "elif"},
    "elif": {"then"},
    "else": {"then"},
    "fi": {"then", "else"},
    "do": {"while", "until", "for", "for;"},
    "done": {"do"},
    "esac": {"in", "in)"},
    "}": {"{"},
}
"""A reserved word, and which construct may be open where it stands."""
_CLOSERS = {"fi", "done", "esac", "}"}
AWAITED = {
    "if": "then",
    "elif": "then",
    "then": "fi",
    "else": "fi",
    "while": "do",
    "until": "do",
    "for": "do",
    "for;": "do",
    "do": "done",
    "case": "in",
    "in": "esac",
    "in)": "esac",
    "{": "}",
    "(": ")",
}
"""An open construct, and the word that carries on with it or ends it.

`for;` is a `for` whose list has ended, `in` a `case` where a pattern comes, `in)` the commands of a pattern.
"""
WORDS_ONLY = {"for", "for;", "case", "in"}
"""Open constructs in which words are no commands."""
_MAY_END = {"", ";", "&"}
"""What a list of commands may end with, besides a command; empty: its beginning."""


class UnfinishedError(Exception):
    """Carries a sentence from the depth of the scanner to `shell.problem_of`."""


class Commands:
    """What is known in the middle of a list of commands."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.awaiting: str | None = ""
        """The operator or word after which no command has come yet; None: one has."""
        self.redirection = ""
        """The operator whose file name has not come yet."""
        self.closed = ""
        """The word that has just ended a construct: an operator or another such word must follow."""
        self.words = 0
        """Words so far of a simple command, a `for`, a `case` or a pattern."""

    @property
    def top(self) -> str:
        """The innermost open construct."""
        return self.open[-1] if self.open else ""

    def take_word(self, word: str) -> None:
        """Take a word, as written with its quotes."""
        if self.redirection:
            self.redirection = ""
            self.awaiting = None
            self.words += not self.closed
        elif self.top in WORDS_ONLY:
            self._take_word_of_construct(word)
        elif self.words == 0 and word in _OPENERS and not self.closed:
            self._open(word)
        elif self.words == 0 and word in _FOLLOWS:
            self._go_on(word)
        elif self.closed:
            raise UnfinishedError(f"has `{word}` right after `{self.closed}`; put a `;` between them.")
        elif word == "!" and self.words == 0:
            self.awaiting = word
        else:
            self.words += 1
            self.awaiting = None

    def _take_word_of_construct(self, word: str) -> None:
        ends = {
            "for": self.words == 1 and word == "do",
            "for;": True,
            "in": self.words == 0 and word == "esac",
        }
        if ends.get(self.top):
            self._go_on(word)
        elif self.top in {"for", "case"} and self.words == 1 and word != "in":
            raise UnfinishedError(f"has `{word}` where `{self.top}` needs its `in`.")
        elif self.top == "case" and self.words == 1:
            self._enter("in", awaiting=None)
        else:
            self.words += 1

    def _open(self, word: str) -> None:
        self.open.append("")
        self._enter(word, awaiting=None if word in WORDS_ONLY else word)

    def _enter(self, construct: str, *, awaiting: str | None) -> None:
        """Make `construct` the state of the innermost construct."""
        self.open[-1] = construct
        self.begin(awaiting)

    def _go_on(self, word: str) -> None:
        """Carry on with a construct (`then`, `do`), or end it (`fi`, `done`)."""
        if self.top not in _FOLLOWS.get(word, ()):
            raise UnfinishedError(self._misplaced(word))
        if self.top not in WORDS_ONLY:
            self.require_command(word, closing=True)
        if word in _CLOSERS:
            self.close(word)
        else:
            self._enter(word, awaiting=word)

    def _misplaced(self, word: str) -> str:
        if self.top:
            awaited = f"where `{self.top.rstrip(');')}` still needs its `{AWAITED[self.top]}`"
            return f"has `{word}` {awaited}; put a `;` before each such word."
        openers = " or ".join(
            f"`{opener}`" for opener in sorted(_FOLLOWS[word]) if opener.isalpha() or opener == "{"
        )
        return f"has `{word}` without {openers} before it."

    def begin(self, after: str | None) -> None:
        """Begin a command after an operator or a word."""
        self.awaiting = after
        self.closed = ""
        self.words = 0

    def close(self, word: str) -> None:
        """End the innermost construct by a word or a bracket."""
        self.open.pop()
        self.begin(None)
        self.closed = word

    def require_command(self, before: str, *, closing: bool) -> None:
        """Make sure that a command stands before an operator, a closing word, or the end (empty)."""
        if self.redirection:
            raise UnfinishedError(f"has no file name after `{self.redirection}`.")
        if self.awaiting is None or (closing and self.awaiting in _MAY_END):
            return
        places = [f"after `{self.awaiting}`"] * bool(self.awaiting) + [f"before `{before}`"] * bool(before)
        raise UnfinishedError(f"has no command {' and '.join(places)}.")

    def end(self) -> None:
        """Make sure that nothing is open any more."""
        if self.top:
            raise UnfinishedError(f"has `{self.top.rstrip(');')}` without its `{AWAITED[self.top]}`.")
        self.require_command("", closing=True)
