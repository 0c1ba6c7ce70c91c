"""A run's crate, as the status service hands it out."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.database import Database
from ogdc_shared.layout import description_key, facts_key
from support.accounts import bearer, member
from support.argo_server import ArgoServer
from support.crates import Crate
from support.runs import bundle, recipe_files, started, tell

SHA256 = f"sha256:{hashlib.sha256(recipe_files()['data.csv'].encode()).hexdigest()}"
FACTS = (
    '{"version":1,"stage":"process","partition":0,"succeeded":true,"software":{"gdal":"3.6.2"},\n'
    '"commands":[\n],\n'
    '"fetched":[\n{"source":"data.csv","name":"data.csv","size":8,"checksum":"' + SHA256 + '"}\n],\n'
    '"read":[\n],\n'
    '"ran":[\n{"number":1,"line":1,"started_at":"2026-01-01T00:00:00.500Z","seconds":0.25}\n],\n'
    '"wrote":[\n{"name":"data.csv","size":8,"checksum":"' + SHA256 + '"}\n]}\n'
)


@pytest.fixture
def end(argo_events: FlaskClient, argo: ArgoServer, artifacts: Path) -> Any:
    """Have a run end, its one task with facts."""

    def end(name: str, phase: str = "Succeeded") -> None:
        node = {
            "id": "n",
            "type": "Pod",
            "displayName": "process(0:0)",
            "templateName": "process",
            "phase": phase,
            "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": "2026-01-01T00:00:01Z",
            "inputs": {"parameters": [{"name": "partition", "value": "0"}]},
        }
        (artifacts / facts_key(name, 0)).parent.mkdir(parents=True, exist_ok=True)
        (artifacts / facts_key(name, 0)).write_text(FACTS)
        tell(argo_events, argo.advance(name, phase, nodes={"n": node}))

    return end


def unpacked(response: TestResponse, into: Path) -> Crate:
    assert response.status_code == 200, response.text
    assert response.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        archive.extractall(into)
    crate = Crate(into)
    crate.check()
    return crate


def test_provenance_is_a_zip_with_the_recipe(submit, status, end, tmp_path: Path) -> None:
    meta = json.loads(recipe_files()["meta.yml"])
    licensed = json.dumps(meta | {"output": {"type": "pvc", "license": "CC-BY-4.0"}})
    name = started(submit, files=recipe_files() | {"meta.yml": licensed})
    end(name)
    crate = unpacked(status.get(f"/runs/{name}/provenance"), tmp_path / "crate")
    assert crate.entities["./"]["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert (crate.directory / "recipe/recipe.sh").read_text() == recipe_files()["recipe.sh"]
    assert crate.entities["#process-0-command-1"]["description"] == recipe_files()["recipe.sh"].strip()
    assert [row["role"] for row in crate.rows("files.csv")] == ["input", "output"]
    assert crate.referred(crate.run, "agent")[0]["name"] == "anonymous"
    assert crate.entities["./"]["name"] == f"Provenance of run {name}"
    links = status.get(f"/runs/{name}").get_json()["links"]
    assert links["provenance"] == f"/runs/{name}/provenance"


def test_provenance_metadata_can_be_read_separately(submit, status, end) -> None:
    name = started(submit)
    end(name, "Failed")
    response = status.get(f"/runs/{name}/provenance", headers={"Accept": "application/ld+json"})
    assert response.content_type == "application/ld+json"
    graph = {each["@id"]: each for each in json.loads(response.data)["@graph"]}
    assert graph["#run"]["actionStatus"].endswith("/FailedActionStatus")


def test_provenance_is_not_available_before_the_end(submit, status) -> None:
    name = started(submit)
    response = status.get(f"/runs/{name}/provenance")
    assert response.status_code == 409
    assert "has not ended (Pending)" in response.get_json()["detail"]
    assert "provenance" not in status.get(f"/runs/{name}").get_json()["links"]


def test_expired_provenance_is_410(submit, status, end, artifacts: Path) -> None:
    name = started(submit)
    end(name)
    (artifacts / description_key(name)).unlink()
    response = status.get(f"/runs/{name}/provenance")
    assert response.status_code == 410
    assert "is not available: its artifacts were removed" in response.get_json()["detail"]


def test_provenance_of_an_unknown_run_is_404(status) -> None:
    assert status.get("/runs/nobody/provenance").status_code == 404


def test_provenance_without_a_stored_recipe_is_complete_otherwise(
    submit, status, end, artifacts: Path, tmp_path
) -> None:
    name = started(submit)
    end(name)
    for snapshot in artifacts.glob("recipes/*"):
        snapshot.unlink()
    crate = unpacked(status.get(f"/runs/{name}/provenance"), tmp_path / "crate")
    assert (crate.directory / "commands.txt").exists()


def test_other_users_do_not_get_the_files_of_the_recipe(
    environment: pytest.MonkeyPatch, serve, database: Database, end, tmp_path: Path
) -> None:
    environment.setenv("ACCESS_MODE", "authenticated")
    submit, status = serve("submit"), serve("status")
    owner, other, admin = (
        member(database, name, role)
        for name, role in (("ada", Role.SUBMITTER), ("bob", Role.VIEWER), ("eve", Role.ADMIN))
    )
    answer = submit.post(
        "/submit", data=bundle(recipe_files()), content_type="application/gzip", headers=owner.headers
    )
    name = answer.get_json()["recipe_workflow_name"]
    end(name)
    assert status.get(f"/runs/{name}/provenance").status_code == 401
    assert status.get(f"/runs/{name}/provenance", headers=bearer("ogdc_no")).status_code == 401
    for who, has_recipe in ((owner, True), (other, False), (admin, True)):
        crate = unpacked(
            status.get(f"/runs/{name}/provenance", headers=who.headers), tmp_path / f"{has_recipe}-{id(who)}"
        )
        assert (crate.directory / "recipe/data.csv").exists() is has_recipe
        assert (crate.directory / "commands.txt").exists() is not has_recipe
