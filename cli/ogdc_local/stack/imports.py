"""Loading soon what the stack may need later, in case the files of modules and queries change meanwhile."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages
from threading import Timer

from ogdc_shared.db.queries import load_all_queries

_PACKAGES = ("ogdc_local", "ogdc_functions", "ogdc_shared")
_SECONDS = 5.0
"""Delay, so that the first run is not slowed down."""


def import_later() -> None:
    """Import the remaining modules after a delay, in a thread; takes a second of CPU.

    A busy stack keeps running after `git pull`. Modules and queries loaded after that would not match those
    loaded before.
    """
    timer = Timer(_SECONDS, import_rest)
    timer.daemon = True
    timer.start()


def import_rest() -> None:
    """Load all modules and queries that are not loaded yet; errors recur where they are used."""
    for package in _PACKAGES:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.endswith(".__main__"):
                with suppress(Exception):
                    import_module(module.name)
    load_all_queries()
