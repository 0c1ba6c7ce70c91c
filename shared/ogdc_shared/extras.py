"""Optional dependencies: the packages of this distribution's extras, and whether they are installed."""

from __future__ import annotations

import re
import shlex
import sys


def missing_packages(extra: str) -> list[str]:
    """Return the packages of an extra that are not installed."""
    from importlib.metadata import PackageNotFoundError, distribution, requires

    missing = []
    for requirement in requires("ogdc-runner") or ():
        if re.search(rf"""extra\s*==\s*["']{re.escape(extra)}["']""", requirement):
            name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
            try:
                distribution(name)
            except PackageNotFoundError:
                missing.append(name)
    return missing


def advice(extra: str) -> str:
    """Return the command that installs an extra for this Python."""
    return shlex.join([sys.executable, "-m", "pip", "install", f"ogdc-runner[{extra}]"])
