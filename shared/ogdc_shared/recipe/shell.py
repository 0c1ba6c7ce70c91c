"""Tells whether one line is a whole command for `sh`, and if not, what is missing.

Every line of a recipe is handed to `sh -c` on its own, long after it was written and far from its author. The
question is answered here without starting a shell, by following quotes, substitutions, operators and reserved
words; nothing is expanded and nothing runs. Where shells differ, Debian's dash decides, since that is what
will run the line.

Source: POSIX.1-2024, XCU chapter 2 "Shell Command Language": 2.2 (quoting), 2.4 (reserved words), 2.6
(expansions), 2.7 (redirection), 2.10 (grammar).
"""

from __future__ import annotations

import re

from ogdc_shared.recipe.grammar import AWAITED, WORDS_ONLY, Commands, UnfinishedError

_OPERATOR = re.compile(r"&&|\|\||;;|<<<|<<-?|<&|<>|>>|>&|>\||[;&|()<>]")
_PLAIN = re.compile(r"[^ \t\n;&|()<>\\'\"`$]+")
_PARAMETER_END = re.compile(r"[}\\'\"`$]")
_QUOTE_END = re.compile(r"[\"\\`$]")
_BACKQUOTED = re.compile(r"((?:[^`\\]|\\.)*+)`")
_EMPTY_BRACKETS = re.compile(r"[ \t]*\)")
_ARITHMETIC_END = re.compile(r"[()\\`$]")


def problem_of(text: str) -> str | None:
    """Say what keeps the line `text` from being a whole command, without the subject; None: nothing."""
    try:
        _Scanner(text).commands()
    except UnfinishedError as error:
        return str(error)
    except RecursionError:
        return "is nested too deeply; put it into a script beside the recipe and call that."
    return None


class _Scanner:
    """Walks through a line once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def commands(self, *, substitution: bool = False) -> None:
        """Read commands up to the end, or up to the `)` of the `$(` that stands before them."""
        state = Commands()
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t\n":
                self.at += 1
            elif character == "#":
                break
            elif match := _OPERATOR.match(self.text, self.at):
                self.at = match.end()
                if match[0] == ")" and substitution and not state.open:
                    state.end()
                    return
                self._operator(match[0], state)
            else:
                start = self.at
                self._word()
                self._number_or_word(self.text[start : self.at], state)
        if substitution:
            raise UnfinishedError("has `$(` without its `)`.")
        state.end()

    def _number_or_word(self, word: str, state: Commands) -> None:
        if word.isdecimal() and self.text[self.at : self.at + 1] in {"<", ">"} and not state.redirection:
            return  # the file descriptor of the redirection that follows
        state.take_word(word)

    def _operator(self, operator: str, state: Commands) -> None:
        if operator == "(":
            self._open_bracket(state)
        elif operator == ")":
            self._close_bracket(state)
        elif operator.startswith("<<"):
            raise UnfinishedError(
                f"has `{operator}`, which needs lines of its own; use printf or a file of the recipe."
            )
        elif operator[0] in "<>":
            if state.redirection:
                raise UnfinishedError(f"has no file name after `{state.redirection}`.")
            state.redirection = operator
        elif operator == "|" and state.top == "in":
            state.words += 1
        elif operator == ";;":
            self._end_of_pattern(state)
        else:
            self._separator(operator, state)

    def _separator(self, operator: str, state: Commands) -> None:
        if state.top == "for" and operator == ";" and state.words:
            state.open[-1] = "for;"
        elif state.top in WORDS_ONLY:
            raise UnfinishedError(
                f"has `{operator}` where `{state.top.rstrip(';')}` still needs its `{AWAITED[state.top]}`."
            )
        else:
            state.require_command(operator, closing=False)
            state.begin(operator)

    def _end_of_pattern(self, state: Commands) -> None:
        if state.top != "in)":
            raise UnfinishedError("has `;;` outside of a `case`.")
        state.require_command(";;", closing=True)
        state.open[-1] = "in"
        state.begin(None)

    def _open_bracket(self, state: Commands) -> None:
        if state.top == "in" and state.words == 0:
            return
        if state.awaiting is not None and not state.redirection:
            state.open.append("(")
            state.begin("(")
        elif state.words == 1 and (end := _EMPTY_BRACKETS.match(self.text, self.at)):
            self.at = end.end()
            state.begin("()")
        else:
            raise UnfinishedError("has `(` in the middle of a command; put quotes around what it belongs to.")

    def _close_bracket(self, state: Commands) -> None:
        if state.top == "in" and state.words:
            state.open[-1] = "in)"
            state.begin("")
        elif state.top == "(":
            state.require_command(")", closing=True)
            state.close(")")
        elif state.top:
            raise UnfinishedError(
                f"has `)` where `{state.top.rstrip(');')}` still needs its `{AWAITED[state.top]}`."
            )
        else:
            raise UnfinishedError("has `)` without `(` before it.")

    def _word(self) -> None:
        """Pass over one word."""
        while self.at < len(self.text) and self.text[self.at] not in " \t\n;&|()<>":
            if plain := _PLAIN.match(self.text, self.at):
                self.at = plain.end()
            else:
                self._quoting()

    def _quoting(self, *, in_double: bool = False) -> None:
        """Pass over what begins with one of the characters that quote or expand."""
        character = self.text[self.at]
        self.at += 1
        if character == "\\":
            self.at += 1
        elif character == "'" and not in_double:
            self._single()
        elif character == '"' and not in_double:
            self._until(_QUOTE_END, '"', opener='"', in_double=True)
        elif character == "`":
            self._backquoted(in_double=in_double)
        elif character == "$":
            self._dollar(in_double=in_double)

    def _dollar(self, *, in_double: bool) -> None:
        if self.text.startswith("((", self.at):
            self.at += 2
            self._arithmetic()
        elif self.text.startswith("(", self.at):
            self.at += 1
            self.commands(substitution=True)
        elif self.text.startswith("$", self.at):
            self.at += 1
        elif self.text.startswith("{", self.at):
            self.at += 1
            self._until(_PARAMETER_END, "}", opener="${", in_double=in_double)

    def _until(self, interesting: re.Pattern[str], closer: str, *, opener: str, in_double: bool) -> None:
        while found := interesting.search(self.text, self.at):
            self.at = found.start()
            if found[0] == closer:
                self.at += 1
                return
            self._quoting(in_double=in_double and found[0] != '"')
        raise UnfinishedError(f"has `{opener}` without its closing `{closer}`.")

    def _single(self) -> None:
        end = self.text.find("'", self.at)
        if end < 0:
            raise UnfinishedError("has `'` without its closing `'`.")
        self.at = end + 1

    def _arithmetic(self) -> None:
        depth = 0
        while found := _ARITHMETIC_END.search(self.text, self.at):
            self.at = found.start()
            if found[0] not in "()":
                self._quoting(in_double=True)
            elif depth == 0 and self.text.startswith("))", self.at):
                self.at += 2
                return
            else:
                depth = max(0, depth + (1 if found[0] == "(" else -1))
                self.at += 1
        raise UnfinishedError("has `$((` without its `))`.")

    def _backquoted(self, *, in_double: bool) -> None:
        inner = _BACKQUOTED.match(self.text, self.at)
        if not inner:
            raise UnfinishedError("has a backquote without its closing one.")
        escapes = r'\\([$`\\"])' if in_double else r"\\([$`\\])"
        _Scanner(re.sub(escapes, r"\1", inner[1])).commands()
        self.at = inner.end()
