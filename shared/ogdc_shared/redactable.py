"""A quick check whether a text may need redaction; most texts do not, and need no regular expressions."""

from __future__ import annotations

_SIGNS = (
    *("://", "%3", "bearer", "basic", "curl", "password", "passwd", "passphrase", "secret", "token"),
    *("apikey", "api-key", "api_key"),
)


def is_redactable(text: str) -> bool:
    """Whether `redact` has to be applied to a text."""
    lower = text.lower()
    return any(sign in lower for sign in _SIGNS)
