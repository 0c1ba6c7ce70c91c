"""Reading the secrets of a recipe's commands, and masking them in logs and messages."""

from __future__ import annotations

import json
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from ogdc_shared.redact import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_LENGTH = 4
"""In characters. A shorter value is not masked, because it would match almost any text."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COLOUR = rb"\x1b\[[0-9;:]{0,24}[mK]"
"""A change of colour, which `logs` leaves out. Programs such as `grep --color` write it into a value."""
_COLOURS = re.compile(_COLOUR)
_PART_OF_COLOUR = re.compile(rb"\x1b(?:\[[0-9;:]{0,24})?\Z")
_MAX_COLOURED = 32
"""Maximum length of a value with colours, in multiples of its own length."""


def read_secrets(directory: str) -> dict[str, str]:
    """Read the variables of all secrets; each secret is a directory with one file per variable."""
    found = {}
    for secret in sorted(os.listdir(directory)):
        for variable in sorted(os.listdir(f"{directory}/{secret}")):
            if _VARIABLE.fullmatch(variable):
                with open(f"{directory}/{secret}/{variable}", encoding="utf-8", errors="replace") as file:
                    found[variable] = file.read().replace("\0", "").removesuffix("\n")
    return found


def _forms(value: str) -> tuple[str, ...]:
    """Return a value unchanged, URL-encoded, and as in JSON."""
    in_json = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    return value, quote(value, safe=""), quote(value), quote_plus(value), *in_json


class Mask:
    """Replaces secrets in a stream of bytes, even if a secret is split between pieces."""

    def __init__(self, values: Iterable[str]) -> None:
        """Prepare to replace these values, each line of a multi-line value, and their usual encodings."""
        parts = {line for value in values for line in (value, *value.splitlines())}
        long = [part for part in parts if len(part.strip()) >= MIN_LENGTH]
        forms = {form.encode(errors="replace") for part in long for form in _forms(part)}
        self._secrets = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)) or rb"(?!)")
        self._held = b""

    @cached_property
    def _coloured(self) -> re.Pattern[bytes]:
        """Matches secrets with colours in them; compiled at the first colour, since a key takes long."""
        between = (b"(?:%b)*" % _COLOUR).join
        forms = (between(re.escape(bytes((byte,))) for byte in secret) for secret in self._secrets)
        return re.compile(b"|".join(forms) or rb"(?!)")

    def text(self, text: str) -> str:
        """Return `text` with all secrets replaced."""
        content = text.encode(errors="replace")
        return self._pattern_for(content).sub(HIDDEN.encode(), content).decode()

    def feed(self, piece: bytes, *, last: bool = False) -> bytes:
        """Add a piece; return the output so far that cannot be part of a secret, or all of it if `last`."""
        content = self._held + piece
        pattern = self._pattern_for(content)
        shown, at = bytearray(), 0
        while True:
            hold = len(content) - (0 if last else self._beginning(content[at:]))
            match = pattern.search(content, at)
            if match is None or match.start() >= hold:
                break
            shown += content[at : match.start()] + HIDDEN.encode()
            at = match.end()
        self._held = content[hold:]
        return bytes(shown + content[at:hold])

    def _pattern_for(self, content: bytes) -> re.Pattern[bytes]:
        return self._coloured if b"\x1b" in content else self._pattern

    def _begins_one(self, content: bytes) -> bool:
        """Whether `content` is a proper prefix of a secret."""
        return any(len(secret) > len(content) and secret.startswith(content) for secret in self._secrets)

    def _beginning(self, content: bytes) -> int:
        """Return how many trailing bytes are a proper prefix of a secret, with the colours in it."""
        longest = len(self._secrets[0]) - 1 if self._secrets else 0
        end = content[-longest * _MAX_COLOURED :] if longest else b""
        part = _PART_OF_COLOUR.search(end)
        coloured = end[: part.start()] if part else end
        plain = _COLOURS.sub(b"", coloured)
        for size in range(min(longest, len(plain)), 0, -1):
            if self._begins_one(plain[-size:]):
                start = len(plain) - size
                for colour in _COLOURS.finditer(coloured):
                    if colour.start() <= start:
                        start += len(colour[0])
                return len(end) - start
        return 0
