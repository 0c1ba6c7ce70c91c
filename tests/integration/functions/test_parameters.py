"""Values of a recipe's parameters on their way to a run's plan and record, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from ogdc_shared.layout import plan_key
from ogdc_shared.plan import Plan
from support.argo_server import ArgoServer
from support.recipes import inputs, make_recipe, recipe_files
from support.runs import bundle, send

RECIPE: dict[str, Any] = {
    "parameters": [
        {"name": "YEAR", "type": "integer", "minimum": 1979},
        {"name": "AREA", "type": "object", "default": {"west": -60}},
        {"name": "LABEL", "default": "none"},
    ],
    "input": inputs({"type": "file", "path": "recipe.sh"}),
    "output": {"type": "temporary"},
}
HOSTILE = "{{workflow.name}} $(id) `id` '; echo \"; \\ \n é"
"""What Argo and shells would put something else in the place of."""


def submitted(submit: FlaskClient, query: str, **headers: str) -> str:
    answer = submit.post(
        f"/submit?{query}",
        data=bundle(recipe_files(**RECIPE)),
        content_type="application/gzip",
        headers=headers,
    )
    assert answer.status_code == 200, answer.text
    name: str = answer.get_json()["recipe_workflow_name"]
    return name


def variables(artifacts: Path, name: str) -> dict[str, str]:
    return dict(Plan.from_json((artifacts / plan_key(name)).read_bytes()).variables)


def test_values_reach_the_plan_and_the_record_and_no_manifest(serve, artifacts: Path, argo: ArgoServer):
    name = submitted(serve("submit"), f"set=YEAR=2021&set=LABEL={quote(HOSTILE)}")

    assert variables(artifacts, name) == {"YEAR": "2021", "AREA": '{"west":-60}', "LABEL": HOSTILE}
    assert "$(id)" not in str(argo.workflows[name])
    shown = serve("status").get(f"/runs/{name}").get_json()["parameters"]
    assert shown == {"YEAR": 2021, "AREA": {"west": -60}, "LABEL": HOSTILE}


def test_a_body_in_json_has_values_of_their_types(serve, environment, artifacts: Path, tmp_path: Path):
    environment.setenv("OGDC_ALLOW_LOCAL_RECIPES", "true")
    make_recipe(tmp_path / "recipe", **RECIPE)
    asked = {
        "recipe_path": str(tmp_path / "recipe"),
        "parameters": {"YEAR": 2021, "LABEL": "https://me:pw@host/"},
    }

    name = serve("submit").post("/submit", json=asked).get_json()["recipe_workflow_name"]

    assert variables(artifacts, name)["LABEL"] == "https://me:pw@host/"
    shown = serve("status").get(f"/runs/{name}").get_json()["parameters"]
    assert shown["LABEL"] == "https://***@host/", "the record is for everybody"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "parameter YEAR: is missing"),
        ("set=YEAR=soon", "parameter YEAR: 'soon' is not of type integer"),
        ("set=YEAR=2021&set=YAER=1", "parameter 'YAER': unknown parameter"),
        ("set=YEAR", "'YEAR' is not of the form NAME=VALUE"),
        ("set=YEAR=2021&set=YEAR=2022", "parameter 'YEAR': is set twice"),
    ],
)
def test_invalid_parameters_start_no_run(serve, argo: ArgoServer, query: str, message: str):
    submit, body = serve("submit"), bundle(recipe_files(**RECIPE))

    answer = submit.post(f"/submit?{query}", data=body, content_type="application/gzip")

    assert (answer.status_code, argo.workflows) == (400, {})
    assert message in answer.get_json()["detail"]


@pytest.mark.parametrize("parameters", [[1], "YEAR=2021", {"YEAR": [2021]}])
def test_values_that_json_does_not_allow_are_rejected(serve, environment, tmp_path: Path, parameters: Any):
    environment.setenv("OGDC_ALLOW_LOCAL_RECIPES", "true")
    make_recipe(tmp_path / "recipe", **RECIPE)

    asked = {"recipe_path": str(tmp_path / "recipe"), "parameters": parameters}

    for path in ("/submit", "/validate"):
        answer = serve("submit").post(path, json=asked)
        assert (answer.status_code, "parameter" in answer.get_json()["detail"]) == (400, True)


def test_a_recipe_without_parameters_takes_none(serve):
    answer = send(serve("submit"), "/submit?set=YEAR=2021")
    assert answer.status_code == 400
    assert "meta.yml declares none" in answer.get_json()["detail"]


def test_an_idempotency_key_includes_the_parameters(serve):
    submit, key = serve("submit"), {"Idempotency-Key": "k"}
    first = submitted(submit, "set=YEAR=2021", **key)
    assert submitted(submit, "set=YEAR=2021", **key) == first

    other = submit.post(
        "/submit?set=YEAR=2022",
        data=bundle(recipe_files(**RECIPE)),
        content_type="application/gzip",
        headers=key,
    )

    assert other.status_code == 400
    assert "was used for a different request" in other.get_json()["detail"]
