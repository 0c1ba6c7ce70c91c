"""Checks of single values of a manifest; a ManifestError names the value's path.

Paths and quantities are cached, because most workflows have the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from ogdc_local.engine.conversion import ManifestError
from ogdc_local.engine.substitute import tags
from ogdc_shared.plan import SCOPE_LABEL
from ogdc_shared.recipe.quantities import amount

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_DIGITS = 15
NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9_]{0,127}")
LABELS = frozenset({SCOPE_LABEL})
"""Workflow labels that templates may refer to."""
GLOBALS = frozenset({"workflow.name", "workflow.namespace", *(f"workflow.labels.{each}" for each in LABELS)})


def check_tags(texts: Iterable[str], scope: Collection[str], where: str) -> None:
    """Reject texts with a `{{tag}}` that is not in `scope`.

    Raises:
        ManifestError: there is one; the message begins with `where`.
    """
    for text in texts:
        if "{{" in text:  # few have a tag
            for tag in tags(text):
                if tag not in scope:
                    raise ManifestError(
                        f"{where}: {{{{{tag}}}}} is not supported by the engine of the local stack."
                    )


def whole_number(value: str | int | None, where: str) -> int | None:
    """Return a whole number of at least 0, which may be given as text; None if it is missing.

    Raises:
        ManifestError: it is something else.
    """
    text = "" if value is None else str(value)
    if value is not None and not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise ManifestError(f"{where}: expected a whole number of at least 0, got {value!r}.")
    return int(text) if text else None


def checked_name(name: str | None, where: str) -> str:
    """Return the name of a template, task, parameter or artifact.

    Raises:
        ManifestError: it is missing or invalid.
    """
    if name is None or not NAME.fullmatch(name):
        raise ManifestError(f"{where}.name: {name!r} is not a name.")
    return name


@lru_cache(maxsize=512)
def absolute_path(path: str | None, where: str) -> str:
    """Return a normalized absolute path in a container, other than its root.

    Raises:
        ManifestError: it is missing, relative, the root, or has a component `..`.
    """
    parts = [part for part in (path or "").split("/") if part not in {"", "."}]
    if not path or not path.startswith("/") or ".." in parts or not parts:
        raise ManifestError(f"{where}: {path!r} is not an absolute path below /.")
    return f"/{'/'.join(parts)}"


@lru_cache(maxsize=512)
def byte_count(text: str | int | None, where: str) -> int | None:
    """Return a quantity such as 512Mi in bytes; None if it is missing.

    Raises:
        ManifestError: it is not a quantity.
    """
    try:
        return amount(str(text)) if text else None
    except ValueError as exc:
        raise ManifestError(f"{where}: {text!r} {exc}") from exc


def duration(text: str | int | None, where: str) -> float | None:
    """Return a duration such as 10s or 2m in seconds; None if it is missing.

    Raises:
        ManifestError: it is not a duration.
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise ManifestError(f"{where}: expected a time such as 10s or 2m, got {text!r}.")
    return float(match[1]) * _UNITS[match[2]]
