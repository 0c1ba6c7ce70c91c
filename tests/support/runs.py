"""Recipes to submit and events of their workflows, for tests of the services."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import uuid
from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support import recipes


def recipe_files(name: str = "Seal tags", *, output: str = "pvc", **changed: str | None) -> dict[str, str]:
    """Return a small recipe's files by name; `changed` replaces or, if None, removes one (`_` is `.`)."""
    own = {"type": "file", "path": "data.csv"}
    contents = {"recipe.sh": "cp /input_dir/data.csv /output_dir/\n", "data.csv": "x,y\n1,2\n"}
    made = recipes.recipe_files(name=name, input=recipes.inputs(own), output={"type": output}, files=contents)
    files = made | {key.replace("_", "."): value for key, value in changed.items()}
    return {name: text for name, text in files.items() if isinstance(text, str)}


def bundle(files: Mapping[str, str]) -> bytes:
    """Pack files as a tar.gz; the same files give the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def send(
    client: FlaskClient, path: str = "/submit", *, files: Mapping[str, str] | None = None, **headers: str
) -> TestResponse:
    """Post a recipe as a bundle; `headers` with `_` for `-`."""
    return client.post(
        path,
        data=bundle(recipe_files() if files is None else files),
        content_type="application/gzip",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def started(client: FlaskClient, *, files: Mapping[str, str] | None = None, **headers: str) -> str:
    """Submit a recipe and return the run's name; `headers` as for `send`."""
    response = send(client, files=files, **headers)
    assert response.status_code == 200, response.text
    name: str = response.get_json()["recipe_workflow_name"]
    return name


def event_headers(workflow: Mapping[str, Any], kind: str = "update") -> dict[str, str]:
    """Return headers of a new event of an ApiServerSource, in binary mode."""
    return {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(uuid.uuid4()),
        "ce-source": "https://10.0.0.1:443",
        "ce-type": f"dev.knative.apiserver.resource.{kind}",
        "ce-subject": f"/apis/argoproj.io/v1alpha1/workflows/{workflow['metadata']['name']}",
    }


def tell(
    client: FlaskClient, workflow: Mapping[str, Any], *, kind: str = "update", **headers: str
) -> TestResponse:
    """Post the event of an ApiServerSource about a workflow, in binary mode, and ask for its outcome."""
    return client.post(
        "/",
        data=json.dumps(workflow),
        headers=event_headers(workflow, kind) | {"Accept": "application/json"} | headers,
    )
