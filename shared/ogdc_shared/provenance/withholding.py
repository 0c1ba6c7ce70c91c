"""Redacting credentials from a recipe's text in a crate.

URLs are redacted as everywhere (`redact`); recipes also contain passwords and tokens in other forms, and
quoted strings in YAML and JSON may split a URL.
"""

from __future__ import annotations

import re

from ogdc_shared.redact import HIDDEN, redact_text

_NAME = (
    r"(?:[\w-]*(?:password|passwd|passphrase|secret|token|credentials?|api[-_]?key|access[-_]?key|userpwd)"
    r"(?:[-_]\w+)*)"
)
_VALUE = r"(?:\"[^\"$\n]{4,}\"|'[^'$\n]{4,}'|(?![$\"'-])[^\s;&|\"'()`]{4,})"
_ASSIGNED = re.compile(rf"((?:^|[\s;&|(\"'])(?:--)?{_NAME}=){_VALUE}", re.IGNORECASE | re.MULTILINE)
"""`TOKEN=…` and `--password=…`. A value that begins with `$` is a variable, and is kept."""
_OPTION = re.compile(rf"(\s--(?:config\s+)?{_NAME}\s+){_VALUE}", re.IGNORECASE)
"""`--password …`, and GDAL's `--config AWS_SECRET_ACCESS_KEY …`."""
_LOGIN = re.compile(r"(\s(?:-u\s*|--user[= ]\s*|--proxy-user[= ]\s*)[\"']?[\w.@+-]+:)(?!\$)[^\s\"']{3,}")
"""Credentials as options of curl."""
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")
_ESCAPED = re.compile(r"\\(?:/|x(?:2[fF]|3[aAfFdD]|40)|u00(?:2[fF]|3[aAfFdD]|40))")
"""Escapes of `/`, `:`, `?`, `=` and `@`, which occur in URLs, in a string in double quotes."""


def withheld(text: str) -> str:
    """Return a text with credentials redacted, otherwise unchanged.

    A string that continues on the next line or has escapes is only rewritten if it contains a credential.
    """
    shown = _redact(text)
    if "\\" in shown:
        whole = _ESCAPED.sub(lambda found: _unescaped(found[0]), _CONTINUED.sub("", shown))
        if (again := _redact(whole)) != whole:
            return again
    return shown


def _redact(text: str) -> str:
    text = redact_text(text)
    for mark, pattern in (("=", _ASSIGNED), ("--", _OPTION), (":", _LOGIN)):
        if mark in text:
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def _unescaped(escape: str) -> str:
    return "/" if escape == "\\/" else chr(int(escape[2:], 16))
