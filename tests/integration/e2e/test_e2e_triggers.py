"""An upload starts a run on one machine: from MinIO's webhook to the result, and managed by commands."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import uploads
from support.http import FileServer
from support.stack import Response, Stack
from support.uploads import Message, Object


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[FileServer]:
    """A public bucket with one object."""
    directory = tmp_path / "bucket"
    (directory / "incoming").mkdir(parents=True)
    (directory / "incoming" / "sea ice.csv").write_text("name,x,y\nB,3,4\n")
    with FileServer(directory) as server:
        yield server


@pytest.fixture(autouse=True)
def no_triggers_left(stack: Stack) -> Iterator[None]:
    yield
    for trigger in stack.cli("triggers", "list", "--json").json():
        assert stack.cli("triggers", "remove", trigger["name"]).code == 0


def tell(stack: Stack, message: Message) -> Response:
    return stack.api(
        "POST", "/events/upload", body=message.body, headers=message.headers | {"Accept": "application/json"}
    )


def test_an_upload_becomes_a_result(stack: Stack, recipe, bucket: FileServer, tmp_path: Path) -> None:
    directory = recipe(
        "triggered",
        'cat "/input_dir/$TRIGGER_FILE" > /output_dir/out.csv; env | grep ^TRIGGER_ > /output_dir/env.txt',
    )
    added = stack.cli(
        *("triggers", "add", "new-data", "--bucket", "uploads", "--pattern", "incoming/**/*.csv"),
        *("--recipe", str(directory), "--base-url", bucket.url),
        OGDC_USER="anna",
    )
    assert added.code == 0, added
    message = uploads.minio(Object(key="incoming/sea ice.csv", size=15))

    first, again = tell(stack, message), tell(stack, message)
    assert [reply.body["uploads"][0]["outcome"] for reply in (first, again)] == ["started", "known"]
    name = first.body["uploads"][0]["run"]
    assert stack.wait(name)["status"] == "Succeeded"

    assert stack.cli("get-output", name, cwd=tmp_path).code == 0
    with zipfile.ZipFile(tmp_path / "triggered.zip") as result:
        assert result.read("out.csv") == b"name,x,y\nB,3,4\n"
        variables = result.read("env.txt").decode().splitlines()
    assert "TRIGGER_KEY=incoming/sea ice.csv" in variables
    assert "TRIGGER_NAME=new-data" in variables
    shown = stack.cli("triggers", "show", "new-data").out
    assert f"started  incoming/sea ice.csv  {name}" in shown
    assert stack.run(name)["trigger"]["upload"]["key"] == "incoming/sea ice.csv"


def test_triggers_are_managed_by_commands(stack: Stack, recipe) -> None:
    assert stack.cli("triggers", "list").out == "No triggers.\n"
    assert stack.cli("triggers", "add", "recipes", "--bucket", "shared", "--kind", "put").code == 0

    listed = stack.cli("triggers", "list")
    assert listed.out.startswith("recipes  shared/** → the uploaded recipe")
    (trigger,) = stack.cli("triggers", "list", "--json").json()
    assert (trigger["name"], trigger["kinds"], trigger["recipe_path"]) == ("recipes", ["put"], None)
    assert "already" in stack.cli("triggers", "add", "recipes", "--bucket", "shared").err

    removed = stack.cli("triggers", "remove", "recipes")
    assert removed.out == "Trigger recipes is removed; the runs it started stay.\n"
    for command in ("show", "remove"):
        gone = stack.cli("triggers", command, "recipes")
        assert (gone.code, "no trigger named 'recipes'" in gone.err) == (1, True)
    assert stack.cli("triggers", "show", "../runs").code == 1


def test_a_trigger_of_a_recipe_that_is_not_there_is_refused(stack: Stack, tmp_path: Path) -> None:
    refused = stack.cli("triggers", "add", "x", "--bucket", "b", "--recipe", str(tmp_path / "nothing"))

    assert (refused.code, "the directory does not exist" in refused.err) == (1, True)
