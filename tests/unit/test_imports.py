"""Imports without garbage collection: only what is imported for the first time is left out of later ones."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from ogdc_shared.imports import collection_paused

MANY = 10_000


def test_only_a_first_import_leaves_what_there_is_out_of_collections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_once.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    kept, frozen = [], []
    for _ in range(2):
        kept.append([[] for _ in range(MANY)])
        before = gc.get_freeze_count()
        with collection_paused():
            assert not gc.isenabled()
            import imported_once  # type: ignore[import-not-found]  # noqa: F401
        assert gc.isenabled()
        frozen.append(gc.get_freeze_count() - before)
    monkeypatch.delitem(sys.modules, "imported_once")

    first, second = frozen
    assert first >= MANY > second
