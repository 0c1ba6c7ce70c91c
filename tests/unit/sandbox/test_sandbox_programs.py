from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ogdc_local.sandbox.programs import SYSTEM_PATH, Programs, user_programs

Make = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/.local/share/ogdc-runner").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a directory of programs below the test's own."""

    def make_bin(place: str, *programs: str, beside: tuple[str, ...] = ()) -> Path:
        directory = tmp_path / place
        directory.mkdir(parents=True, exist_ok=True)
        for name in beside:
            (directory.parent / name).mkdir(parents=True, exist_ok=True)
        for program in programs:
            (directory / program).write_text("#!/bin/sh\n")
            (directory / program).chmod(0o755)
        return directory

    return make_bin


def found(home: Path, *directories: Path | str, **variables: str) -> Programs:
    environ: Mapping[str, str] = {"PATH": os.pathsep.join(map(str, directories)), **variables}
    return user_programs(environ, private=(home, home / ".local/share/ogdc-runner"))


def test_without_programs_of_the_users_own_the_path_is_the_systems(home: Path) -> None:
    assert found(home) == Programs(SYSTEM_PATH, (), {})
    assert found(home, *SYSTEM_PATH.split(":")).path == SYSTEM_PATH
    assert found(home, "/nowhere", "relative/bin", "", "/bin") == Programs(
        "/bin:/usr/local/bin:/usr/bin", (), {}
    )


def test_the_order_of_the_users_path_is_kept(home: Path, make: Make) -> None:
    first, last = make("first/bin"), make("last/bin")
    assert found(home, first, "/usr/bin", last).path == f"{first}:/usr/bin:{last}:/usr/local/bin:/bin"


@pytest.mark.parametrize("mark", ["conda-meta", "lib", "share"])
def test_an_installation_is_mounted_completely(home: Path, make: Make, mark: str) -> None:
    directory = make("opt/gdal/bin", "gdalinfo", beside=(mark,))
    assert found(home, directory).shown == (directory.parent,)


def test_a_directory_without_an_installation_is_mounted_by_itself(home: Path, make: Make) -> None:
    directory = make("opt/tools/bin", "tool")
    assert found(home, directory, directory).shown == (directory,)


@pytest.mark.parametrize("place", ["home/bin", "home/.local/bin", "bin"])
def test_home_and_state_directories_and_their_parents_are_never_mounted(
    home: Path, make: Make, place: str
) -> None:
    directory = make(place, "tool", beside=("lib", "share"))
    assert found(home, directory).shown == (directory,)


@pytest.mark.parametrize("place", [".", "home"])
def test_a_home_on_the_path_is_left_out(home: Path, tmp_path: Path, place: str) -> None:
    assert found(home, tmp_path / place) == Programs(SYSTEM_PATH, (), {})


@pytest.mark.parametrize("name", ["home/.pyenv/shims", "home/.asdf/shims"])
def test_shims_are_left_out(home: Path, make: Make, name: str) -> None:
    assert found(home, make(name, "python3")).path == SYSTEM_PATH


def test_targets_of_links_are_mounted_with_their_installation(home: Path, make: Make, tmp_path: Path) -> None:
    base = make("python/bin", "python3.12", beside=("lib",))
    tool = make("home/.local/pipx/venvs/tool/bin", "tool", beside=("lib",))
    (tool.parent / "pyvenv.cfg").write_text(f"version = 3.12\nhome = {base}\n")
    local = make("home/.local/bin")
    (local / "tool").symlink_to(tool / "tool")
    (local / "dangling").symlink_to("/nowhere/tool")
    assert found(home, local).shown == (local, tool.parent, base.parent)


def test_variables_that_lead_elsewhere_are_left_out(home: Path, make: Make) -> None:
    directory = make("conda/bin", "gdalinfo", beside=("share",))
    data = "/opt/conda/share/gdal"
    assert found(home, directory, GDAL_DATA=data, PROJ_LIB=data, PYTHONPATH="/opt").variables == {}


def test_variables_of_the_gdal_that_is_found_are_passed_on(home: Path, make: Make) -> None:
    directory = make("conda/bin", "gdalinfo", beside=("share/gdal", "lib"))
    data, lib = directory.parent / "share/gdal", directory.parent / "lib"
    given = {"GDAL_DATA": str(data), "LD_LIBRARY_PATH": f"/nowhere:{lib}:"}
    assert found(home, directory, "/usr/bin", **given).variables == given | {"LD_LIBRARY_PATH": str(lib)}


def test_variables_of_a_gdal_behind_another_are_left_out(home: Path, make: Make) -> None:
    first = make("first/bin", "gdalinfo", beside=("share",))
    second = make("second/bin", "gdalinfo", beside=("share/gdal",))
    data = str(second.parent / "share/gdal")
    assert found(home, first, second, GDAL_DATA=data).variables == {}
