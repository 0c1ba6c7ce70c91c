"""Detecting whether a stack was started with the installed files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ogdc_local.stack.installation import installation


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "ogdc_made_up"
    (directory / "__pycache__").mkdir(parents=True)
    (directory / "__init__.py").touch()
    (directory / "deep").mkdir()
    (directory / "deep/x.sql").write_text("SELECT 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("ogdc_local.stack.installation._PACKAGES", ("ogdc_made_up", "ogdc_not_there"))
    return directory


def test_it_stays_the_same_whatever_is_compiled(package: Path) -> None:
    before = installation()
    (package / "__pycache__/x.pyc").touch()
    assert installation() == before


def test_every_change_of_a_file_makes_it_another(package: Path) -> None:
    file = package / "deep/x.sql"
    seen = {installation()}
    file.write_text("SELECT 10")
    seen.add(installation())
    os.utime(file, (1, 1))
    seen.add(installation())
    file.rename(package / "deep/y.sql")
    seen.add(installation())
    assert len(seen) == 4


def test_another_environment_is_another(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = installation()
    monkeypatch.setattr(sys, "prefix", "/elsewhere")
    assert installation() != before
