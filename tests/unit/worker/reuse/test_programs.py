"""What a command names stands for what it does, but for what commands hand on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ogdc_worker.reuse import programs
from ogdc_worker.reuse.programs import Programs


def test_a_program_that_is_named_by_its_path_is_looked_at(tmp_path: Path) -> None:
    before = Programs({}).named_digest(f"{tmp_path}/tool x")
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    assert Programs({}).named_digest(f"{tmp_path}/tool x") != before


@pytest.mark.parametrize(("name", "is_data"), [("all.tif", True), ("x/../../tool", False)])
def test_files_passed_between_commands_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_data: bool
) -> None:
    output = tmp_path / "output_dir"
    (output / "x").mkdir(parents=True)
    monkeypatch.setattr(programs, "_DATA", (f"{output}/",))
    before = Programs({}).named_digest(f"cp a {output}/{name}")
    (output / name).write_text("data")
    assert (Programs({}).named_digest(f"cp a {output}/{name}") == before) is is_data


def test_another_version_of_a_python_package_beside_the_programs_is_seen(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.11/site-packages"
    (packages / "tool-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    os.utime(packages, (1, 1))
    before = _looked(tmp_path).all_digest()
    (packages / "tool-1.0.dist-info").rename(packages / "tool-1.1.dist-info")

    assert _looked(tmp_path).all_digest() != before


@pytest.mark.parametrize(
    ("edit", "is_unchanged"),
    [
        ("true", True),
        ("echo >> tool", False),
        ("mv tool other", False),
        ("touch new", False),
        ("rm tool", False),
        ("mkdir ../lib", False),
    ],
)
def test_programs_that_change_while_a_task_runs_are_seen_without_another_digest(
    tmp_path: Path, edit: str, is_unchanged: bool
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").write_text("#!/bin/sh\n")
    for path in (tmp_path / "bin/tool", tmp_path / "bin"):
        os.utime(path, (1, 1))
    looked = _looked(tmp_path)
    subprocess.run(edit, shell=True, cwd=tmp_path / "bin", check=True)

    assert looked.are_unchanged() is is_unchanged
    assert (_looked(tmp_path).moment() == looked.moment()) is is_unchanged


def _looked(prefix: Path) -> Programs:
    programs = Programs({"PATH": f"{prefix}/bin"})
    programs.look()
    return programs


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "PYTHONPATH"])
def test_a_library_that_a_variable_leads_to_is_looked_at(tmp_path: Path, variable: str) -> None:
    library = tmp_path / "library"
    library.write_text("1")
    digests = set()
    for size in (1, 2):
        library.write_text("x" * size)  # in place
        found = Programs({"PATH": "/usr/bin", variable: str(tmp_path)})
        found.look()
        digests.add(found.all_digest())
    assert len(digests) == 2
