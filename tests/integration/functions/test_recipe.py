"""A run's recipe, as the status service shows it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.database import Database
from ogdc_shared.layout import description_key, facts_key
from ogdc_shared.runs import submitted_recipe
from support.accounts import member
from support.runs import recipe_files, started

SECRET = "https://data.example.org/a.tif?token=s3cr3t"
FILES = recipe_files(recipe_sh=f"curl '{SECRET}' > /output_dir/a\n# <script>\ntrue\n", list_txt="é\n")


def test_a_recipe_is_shown_with_commands_and_files_without_secrets(submit, status) -> None:
    name = started(submit, files=FILES)
    shown = status.get(f"/runs/{name}/recipe").get_json()
    command = "curl 'https://data.example.org/a.tif?token=***' > /output_dir/a"
    assert shown["stages"] == [{"stage": "process", "after": []}]
    assert shown["commands"] == [
        {"stage": "process", "number": 1, "line": 1, "text": command},
        {"stage": "process", "number": 2, "line": 3, "text": "true"},
    ]
    files = {file["path"]: file for file in shown["files"]}
    assert files.keys() == FILES.keys()
    assert files["recipe.sh"]["text"] == f"{command}\n# <script>\ntrue\n"
    assert files["recipe.sh"]["redacted"]
    assert files["list.txt"] == {
        "path": "list.txt",
        "size": 3,
        "sha256": hashlib.sha256("é\n".encode()).hexdigest(),
        "redacted": False,
        "text": "é\n",
    }
    assert status.get(f"/runs/{name}").get_json()["links"]["recipe"] == f"/runs/{name}/recipe"


def test_long_files_are_shown_without_text(submit, status, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitted_recipe, "MAX_TEXT", 20)
    name = started(submit, files=FILES)
    files = status.get(f"/runs/{name}/recipe").get_json()["files"]
    assert {file["path"]: file["text"] for file in files} == {
        "data.csv": FILES["data.csv"],
        "list.txt": "é\n",
        "meta.yml": None,
        "recipe.sh": None,
    }


def test_expired_parts_of_a_recipe_are_left_out_or_410(submit, status, artifacts: Path) -> None:
    name = started(submit)
    for snapshot in artifacts.glob("recipes/*"):
        snapshot.unlink()
    shown = status.get(f"/runs/{name}/recipe").get_json()
    assert shown["files"] is None
    assert len(shown["commands"]) == 1
    (artifacts / description_key(name)).unlink()
    assert status.get(f"/runs/{name}/recipe").status_code == 410
    assert status.get("/runs/nobody/recipe").status_code == 404


def test_files_of_a_recipe_are_only_for_the_owner_of_the_run(serve, environment, database: Database) -> None:
    environment.setenv("ACCESS_MODE", "authenticated")
    owner, other, admin = (
        member(database, name, role)
        for name, role in (("anna", Role.SUBMITTER), ("ben", Role.SUBMITTER), ("ada", Role.ADMIN))
    )
    submit, status = serve("submit"), serve("status")
    submit.environ_base |= {"HTTP_AUTHORIZATION": owner.headers["Authorization"]}
    name = started(submit)
    for caller, sees in ((owner, True), (other, False), (admin, True)):
        shown = status.get(f"/runs/{name}/recipe", headers=caller.headers).get_json()
        assert (shown["files"] is not None) == sees
        assert shown["commands"][0]["text"] == recipe_files()["recipe.sh"].strip()


def test_facts_of_a_task_are_served_unchanged(submit, status, artifacts: Path) -> None:
    name = started(submit)
    for stage in ("process", "tiles"):
        key = facts_key(name, 1, stage)
        (artifacts / key).parent.mkdir(parents=True, exist_ok=True)
        (artifacts / key).write_text(f'{{"stage": "{stage}"}}')
        answer = status.get(f"/runs/{name}/facts/{stage}/1")
        assert (answer.content_type, answer.get_json()) == ("application/json", {"stage": stage})
    for other in ("process/2", "nothing/1", "%2e%2e/1", "process/..%2f1", "process/x", "process/٣"):
        assert status.get(f"/runs/{name}/facts/{other}").status_code == 404
