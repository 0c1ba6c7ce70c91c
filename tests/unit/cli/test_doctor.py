from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ogdc_cli import doctor
from ogdc_cli.doctor import Finding, examine
from support.http import closed_port


def findings(**environ: str) -> dict[str, Finding]:
    return {found.part: found for found in examine({"PATH": os.environ["PATH"], **environ})}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"OGDC_STATE_DIR": str(tmp_path / "state"), "TOKEN_CACHE_FILE": str(tmp_path / "tokens.json")}


@pytest.mark.slow
def test_doctor_finds_no_problem_on_a_test_machine(home: dict[str, str]) -> None:
    found = findings(**home)
    assert [part for part in found.values() if not part.ok] == []
    assert "GDAL 3" in found["GDAL"].text
    assert not Path(home["OGDC_STATE_DIR"]).exists()


def test_missing_programs_are_reported_with_an_install_command(home: dict[str, str], tmp_path: Path) -> None:
    found = findings(**home | {"PATH": str(tmp_path)})["GDAL"]
    assert not found.ok
    assert "ogr2ogr" in found.text
    assert "install" in found.advice


@pytest.mark.slow
def test_service_that_does_not_answer_is_named(home: dict[str, str]) -> None:
    with closed_port() as url:
        found = findings(**home, OGDC_API_URL=url)["API"]
    assert not found.ok
    assert url in found.text


def test_token_file_that_cannot_be_read_is_named(home: dict[str, str]) -> None:
    Path(home["TOKEN_CACHE_FILE"]).write_text("{")
    found = findings(**home)["login"]
    assert not found.ok
    assert home["TOKEN_CACHE_FILE"] in found.text


@pytest.mark.parametrize("setting", ["OGDC_SANDBOX", "OGDC_POSTGRES_BIN"])
def test_setting_that_cannot_be_used_is_named(home: dict[str, str], setting: str) -> None:
    [found] = [found for found in findings(**home, **{setting: "/none"}).values() if not found.ok]
    assert setting in found.text


@pytest.mark.slow
def test_packages_that_are_not_installed_are_named(home: dict[str, str], tmp_path: Path) -> None:
    alone = tmp_path / "ogdc_runner-1.dist-info"
    alone.mkdir()
    needed = ["absent-one>=2", "rich>=13", 'absent-two; extra == "telemetry"']
    lines = ["Metadata-Version: 2.1", "Name: ogdc-runner", "Version: 1"]
    (alone / "METADATA").write_text("\n".join(lines + [f"Requires-Dist: {each}" for each in needed]) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "ogdc_cli", "doctor"],
        env=os.environ | home | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "absent" in line and "pip" not in line]
    assert "absent-one" in line
    assert "rich" not in line
    assert "absent-two" not in done.stdout
    assert "-m pip install 'absent-one>=2'" in done.stdout


def test_the_library_of_maps_is_looked_for_where_tasks_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: found)
    assert not doctor._has_map_library()
    library = tmp_path / "products/page/openlayers.js"
    library.parent.mkdir(parents=True)
    library.touch()
    assert doctor._has_map_library()
