"""Importing modules soon that the stack may need later, in case their files change in the meantime."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages
from threading import Timer

_PACKAGES = ("ogdc_local", "ogdc_functions", "ogdc_shared")
_SECONDS = 5.0
"""Until then the first run has what it takes."""


def import_later() -> None:
    """Import the rest in a while, beside whatever the stack does then; it takes a second of the processor's.

    A busy stack goes on after `git pull`. What it had not imported by then would not fit what it had.
    """
    timer = Timer(_SECONDS, import_rest)
    timer.daemon = True
    timer.start()


def import_rest() -> None:
    """Import each module that is not yet; an error comes up again where the module is wanted."""
    for package in _PACKAGES:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.endswith(".__main__"):
                with suppress(Exception):
                    import_module(module.name)
