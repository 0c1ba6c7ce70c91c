"""Whether a text may hold something to redact; most hold nothing, and need no regular expressions."""

from __future__ import annotations

_SIGNS = (
    *("://", "%3", "bearer", "basic", "curl", "password", "passwd", "passphrase", "secret", "token"),
    *("apikey", "api-key", "api_key"),
)


def is_redactable(text: str) -> bool:
    """Whether there is any need to import `redact` for a text."""
    lower = text.lower()
    return any(sign in lower for sign in _SIGNS)
