"""Helpers to reduce the cost of imports at a cold start."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Self


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the garbage collector from looking through what an import creates.

    Thousands of classes and no garbage: a tenth of the time of importing a library of pydantic models goes
    into looking for some. For imports only: other threads are not collected either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def import_lazily(name: str) -> None:
    """Have a module that others import, and seldom use, be loaded when it is first used.

    Source: importlib's documentation, "Implementing lazy imports".

    Args:
        name: Of a module in a package.
    """
    from importlib.util import LazyLoader, find_spec, module_from_spec

    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = loader = LazyLoader(spec.loader)
    sys.modules[name] = module = module_from_spec(spec)
    loader.exec_module(module)
    package, _, own_name = name.rpartition(".")
    setattr(sys.modules[package], own_name, module)


@contextmanager
def left_out(name: str) -> Iterator[None]:
    """Keep a module from being loaded by those who import it here and never use it.

    They get a module whose names are classes of no use, to derive from, to index or to catch. Where the
    module is loaded already they get it; who imports it later gets it, too. Other threads must not import it
    meanwhile.

    Args:
        name: The module's, with its package's.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = _Unused(name)
    try:
        yield
    finally:
        del sys.modules[name]


class _Unused(ModuleType):
    def __getattr__(self, name: str) -> type[_Nothing]:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Nothing,), {"__module__": self.__name__})


class _Nothing(BaseException):
    def __new__(cls, *args: object) -> Self:
        raise NotImplementedError(f"{cls.__module__}.{cls.__name__} was left out of an import")

    def __class_getitem__(cls, _: object) -> type[Self]:
        return cls
