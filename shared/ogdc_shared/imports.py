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
    """Pause the garbage collector during an import, and leave out what exists then from later ones.

    An import creates thousands of classes and no garbage. Collection takes a tenth of the import of a library
    of pydantic models, and later a twentieth of each submission. Only for imports, because it affects all
    threads, and because cycles that exist at the end are never freed. Nothing is left out if all modules were
    imported before, so that functions may import within each call.
    """
    was_enabled, modules = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if len(sys.modules) > modules:
                gc.freeze()
            gc.enable()


def import_lazily(name: str) -> None:
    """Have a module that others import but rarely use loaded on its first use.

    Source: importlib's documentation, "Implementing lazy imports".

    Args:
        name: Full name of a module in a package.
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
    """Skip loading a module that is imported in the block but never used.

    Importers get a stand-in with classes that can be derived from, indexed or caught, but not created. If the
    module has been loaded already, they get the module; later imports load it normally. No other thread may
    import it meanwhile.

    Args:
        name: Full name of the module.
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
