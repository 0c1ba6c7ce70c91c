"""Redacting credentials in URLs and command lines: user names, passwords, signatures and tokens.

Sources are stored unredacted where they are fetched from (`plan.InputFile.source`), and redacted wherever
they are shown or recorded: log lines, messages, responses of the API, output of the command line.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_NAMES = (
    r"[\w.~-]*(?:signature|token|secret|password|passwd|passphrase|credential|credentials|api[-_]?key|"
    r"(?:access|subscription)[-_]?key(?:[-_]?id)?|auth|authorization|session(?:[-_]?id)?)|"
    r"key|appid|sig|sign|hmac|jwt|pwd|pass|sas|ticket|policy|key-pair-id"
)
"""Parameters of AWS, Google, Azure, CloudFront, CMR and OpenWeather, and common names of others."""
_START, _EQUALS, _END = r"[?&;#]|%3F|%26|%3B", r"=|%3D", r"(?=[&;#\s\"'<>\\]|%26|$)"
_PARAMETER = re.compile(rf"({_START})({_NAMES})({_EQUALS})(?:(?!%26)[^&;#\s\"'<>\\])+{_END}", re.IGNORECASE)
_NO_USER = r"(?<!\bgithub)(?<!\babfs)(?<!\babfss)(?<!\baz)"
"""Schemes in which the part before `@` is a repository or container, not a user."""
_USER = re.compile(
    _NO_USER + r"((?::|%3A)(?://|%2F%2F))(?:(?!%2F|%40)[^\s/?#\"'<>\\]){0,500}(@|%40)", re.IGNORECASE
)
_SLASHED_USER = re.compile(
    _NO_USER + r"(://)[^\s/?#:\"'<>@\\[]{1,200}:(?!\d{0,5}(?:[/?#]|$))[^\s\"'<>@\\]{0,500}@", re.IGNORECASE
)
"""A password that contains a slash, which is invalid but occurs."""
_HEADER = re.compile(r"\b(Bearer|Basic)(\s+)[\w.~+/=-]{6,}")

_WORDS = r"(?:password|passwd|passphrase|secret|token|api[-_]?key|secret[-_]access[-_]key)"
_QUOTE = r"(?:\\?[\"'])?"
"""Optional quote before a value; in JSON with a backslash, which is kept."""
_VALUE = r"(?![$`*=])(?:[^\s\"'<>|;&)\\]|\\[^\s\"'nrt]){4,}"
"""Not a reference to a variable, nor a comparison; shorter values are not secrets."""
_NUMBER = r"(?!(?<=token=)\d{1,5}(?-i:/[a-z]{1,9})?(?!\S))"
"""A number of tokens, as in `max_token=5000/batch`; a token such as `1/fFAGRNJru1` is none."""
_ASSIGNMENT = re.compile(
    rf"(?<![\w?&;#%/.-])((?:--)?[\w-]*{_WORDS}={_QUOTE}){_NUMBER}{_VALUE}", re.IGNORECASE
)
"""Assignments to variables, options or fields of a connection string."""
_OPTION = re.compile(rf"(\s--(?:[\w-]+-)?{_WORDS}\s+{_QUOTE})(?!-){_VALUE}", re.IGNORECASE)
_CURL_USER = re.compile(
    rf"(\bcurl\s(?:[^|;&\n]{{0,500}}?\s)?(?:-u|-U|--user|--proxy-user)[ =]?{_QUOTE}[^\s:\"'$]+:){_VALUE}"
)


def redact_url(url: str) -> str:
    """Return a URL without user name, password and the values of parameters that are credentials."""
    return redact_text(url)


def redact_text(text: str) -> str:
    """Redact all URLs in a text, including percent-encoded ones in others, and passwords in command lines.

    Examples of the latter: `PGPASSWORD=…`, `--token …`, `curl -u user:…`.
    """
    if "://" in text or "%3" in text:
        text = _USER.sub(rf"\1{HIDDEN}\2", text)
        text = _SLASHED_USER.sub(rf"\1{HIDDEN}@", text)
    if "=" in text or "%3" in text:
        text = _PARAMETER.sub(rf"\1\2\3{HIDDEN}", text)
        text = _ASSIGNMENT.sub(rf"\1{HIDDEN}", text)
    if " --" in text:
        text = _OPTION.sub(rf"\1{HIDDEN}", text)
    if "curl" in text:
        text = _CURL_USER.sub(rf"\1{HIDDEN}", text)
    return _HEADER.sub(rf"\1\2{HIDDEN}", text) if "B" in text else text
