"""Parsing tokens pasted by a user: the JSON of a login page, an API token, or an access token."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

import msgspec

from ogdc_cli.client_variables import fits_header
from ogdc_cli.terminal import say
from ogdc_shared.errors import InvalidRequestError

_MAX_CHARACTERS = 1 << 16
_PROMPT = "Paste the token, or all that the login page shows, and press Enter (it is not shown):"
_ENDS = (b"", b"\x04")
"""What a terminal sends in place of more: it is closed, or somebody presses Ctrl-D."""


class Pasted(NamedTuple):
    """The tokens found in a text; at least one is not None."""

    access: str | None
    refresh: str | None


class _Tokens(msgspec.Struct):
    access_token: str | None = None
    refresh_token: str | None = None
    token: _Tokens | None = None
    """Where the login page wraps them into a message."""


def read() -> Pasted:
    """Read tokens of any length from stdin; on a terminal, without echo.

    Raises:
        InvalidRequestError: it contains no tokens.
    """
    if not sys.stdin.isatty():
        return parse(sys.stdin.read(_MAX_CHARACTERS))
    return parse(_unseen(sys.stdin.fileno()))


def parse(text: str) -> Pasted:
    """Find tokens in a text: JSON from a login page or an issuer, or a single token.

    Raises:
        InvalidRequestError: it contains no tokens.
    """
    found = _of_json(text) if text.lstrip().startswith("{") else Pasted(_alone(text), None)
    tokens = [token for token in found if token is not None]
    if not tokens or not all(fits_header(token) and " " not in token for token in tokens):
        raise InvalidRequestError(
            "This is not a token. Paste an access token, an API token (ogdc_…), or JSON: "
            '{"access_token": "…", "refresh_token": "…"}.'
        )
    return found


def _of_json(text: str) -> Pasted:
    try:
        found = msgspec.json.decode(text, type=_Tokens)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Pasted(None, None)
    found = found.token or found
    return Pasted(found.access_token or None, found.refresh_token or None)


def _alone(text: str) -> str:
    return text.strip().removeprefix("Bearer ").strip()


def _unseen(terminal: int) -> str:
    """Read from a terminal that shows nothing, up to the end of a line that completes a token, or Ctrl-D.

    A terminal that gathers lines by itself drops what a line has beyond 4,095 bytes, and tokens have more.
    """
    import termios

    before = termios.tcgetattr(terminal)
    raw = termios.tcgetattr(terminal)
    raw[3] &= ~(termios.ECHO | termios.ICANON)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    text = b""
    try:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, raw)  # before anybody is asked: it drops what came
        say(_PROMPT, err=True)
        while len(text) < _MAX_CHARACTERS and (more := os.read(terminal, 1)) not in _ENDS:
            text += more
            if more == b"\n" and _is_complete(text):
                break
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
    return text.decode(errors="replace")


def _is_complete(text: bytes) -> bool:
    """Whether a line's end is the end: not within JSON of several lines, nor before anything."""
    if not text.lstrip().startswith(b"{"):
        return bool(text.strip())
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
