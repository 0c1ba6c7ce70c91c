"""Crates as the validator of the profiles, and another reader, take them (`make crates`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ogdc_shared.provenance.crate import write_crate
from ogdc_shared.provenance.description import RunDescription
from ogdc_shared.provenance.gathering import INLINE
from ogdc_shared.provenance.task_facts import TaskRecord
from support.crate_validation import NEEDED, PYTHON, validated
from support.crates import RUN, SHA256, facts_document

pytestmark = NEEDED


def made(directory: Path, files: int, run: RunDescription, *, succeeded: bool) -> Path:
    crate, recipe = directory / "crate", directory / "recipe"
    for each in (crate, recipe):
        each.mkdir()
    (recipe / "meta.yml").write_text("name: Seal tags\n")
    names = [f"sea ice {number}.tif" for number in range(files)]
    known = {"size": 7, "checksum": SHA256}
    ran = {"seconds": 1.5, "cpu_seconds": 0.5, "max_memory": 4096, "started_at": "2026-11-27T15:00:00.250Z"}
    facts = facts_document(
        head={"image": f"ghcr.io/ogdc/worker:1@{SHA256}", "software": {"gdal": "3.6.2", "linux": "6.1"}},
        fetched=[{"source": f"https://example.org/{name}", "name": name} | known for name in names],
        ran=[ran | {"number": 1, "line": 2}, ran | {"number": 2, "line": 3, "failed": not succeeded}],
        wrote=[{"name": name} | known for name in names if succeeded],
    )
    (directory / "facts").write_text(facts)
    message = None if succeeded else "command 2 failed"
    task = TaskRecord("process", 0, succeeded=succeeded, message=message, facts=str(directory / "facts"))
    write_crate(str(crate), run, [task], recipe=str(recipe))
    return crate


@pytest.mark.parametrize("files", [0, 1, 3, INLINE + 1])
@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_what_is_required_is_there(tmp_path: Path, files: int, status: str) -> None:
    run = RUN._replace(status=status, message=None if status == "Succeeded" else "process failed")
    done = validated(made(tmp_path, files, run, succeeded=status == "Succeeded"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_validator_notices_what_is_missing(tmp_path: Path) -> None:
    crate = made(tmp_path, 1, RUN, succeeded=True)
    (crate / "files.csv").unlink()
    metadata = crate / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"mentions"'))
    done = validated(crate)
    assert done.returncode == 1
    assert "files.csv" in done.stdout
    assert "instrument" in done.stdout


def test_an_independent_reader_opens_a_crate(tmp_path: Path) -> None:
    crate = made(tmp_path, 1, RUN, succeeded=True)
    program = (
        "import sys; from rocrate.rocrate import ROCrate; print(ROCrate(sys.argv[1]).mainEntity['name'])"
    )
    words = [str(PYTHON), "-c", program, str(crate)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert done.stdout == "Seal tags\n"
