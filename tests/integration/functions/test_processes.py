"""OGC API - Processes: recipes as processes, runs as jobs, in the standard's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ogdc_shared.layout import output_key, plan_key
from ogdc_shared.plan import Plan
from support.argo_server import ArgoServer
from support.http import Answer, FileServer
from support.packs import stored_partition
from support.recipes import inputs, make_recipe, recipe_files
from support.runs import bundle, tell

BASE = "http://localhost"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
KINDS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
RECIPE: dict[str, Any] = {
    "name": "Ice Charts",
    "parameters": [
        {"name": "YEAR", "type": "integer", "minimum": 1979, "title": "Year of the chart"},
        {"name": "METHOD", "enum": ["near", "cubic"], "default": "near"},
    ],
    "input": inputs({"type": "file", "path": "recipe.sh"}),
    "output": {"type": "temporary"},
}
PACKED = {"content_type": "application/gzip"}


def packed(**changed: Any) -> dict[str, Any]:
    return {"data": bundle(recipe_files(**RECIPE | changed)), **PACKED}


@pytest.fixture
def deployed(submit: FlaskClient) -> str:
    answer = submit.post("/processes", **packed())
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{BASE}/processes/ice-charts")
    name: str = answer.get_json()["id"]
    return name


@pytest.fixture
def job(submit: FlaskClient, deployed: str) -> str:
    answer = submit.post(f"/processes/{deployed}/execution", json={"inputs": {"YEAR": 2021}})
    assert answer.status_code == 201, answer.text
    name: str = answer.get_json()["jobID"]
    assert answer.headers["Location"] == f"{BASE}/jobs/{name}"
    return name


@pytest.fixture
def at(argo: ArgoServer, argo_events: FlaskClient) -> Callable[..., None]:
    """Have a job's workflow be in a phase."""

    def advance(name: str, phase: str) -> None:
        tell(argo_events, argo.advance(name, phase))

    return advance


def links(answer: Mapping[str, Any]) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in answer["links"]}


def problem(answer: Any) -> tuple[int, str]:
    """An error's status and type, which has the form of RFC 7807."""
    assert answer.content_type == "application/problem+json"
    content = answer.get_json()
    assert content.keys() == {"type", "title", "status", "detail"}
    assert content["status"] == answer.status_code
    return answer.status_code, content["type"].removeprefix(f"{KINDS}/")


def test_the_landing_page_links_to_everything(status):
    found = links(status.get("/").get_json())
    assert found.keys() >= {"service-desc", *(f"{REL}/{each}" for each in ("processes", "job-list"))}
    for href in found.values():
        assert status.get(href.removeprefix(BASE)).status_code == 200
    below = status.get("/api/", headers={"X-Forwarded-Host": "api.example.net", "X-Forwarded-Proto": "https"})
    assert links(below.get_json())[f"{REL}/conformance"] == "https://api.example.net/api/conformance"


def test_a_recipe_is_described_as_a_process(status, deployed: str):
    [summary] = status.get("/processes").get_json()["processes"]
    process = status.get(links(summary)["self"].removeprefix(BASE)).get_json()

    assert (process["id"], process["title"], len(process["version"])) == ("ice-charts", "Ice Charts", 12)
    assert process["jobControlOptions"] == ["async-execute", "dismiss"]
    assert process["inputs"] == {
        "YEAR": {
            "title": "Year of the chart",
            "schema": {"type": "integer", "minimum": 1979},
            "minOccurs": 1,
            "maxOccurs": 1,
        },
        "METHOD": {
            "title": "METHOD",
            "schema": {"type": "string", "enum": ["near", "cubic"], "default": "near"},
            "minOccurs": 0,
            "maxOccurs": 1,
        },
    }
    assert process["outputs"]["result"]["schema"]["contentMediaType"] == "application/zip"


def test_processes_come_in_pages(submit, status):
    for name in ("b", "a", "c"):
        assert submit.post("/processes", **packed(name=name)).status_code == 201
    found, href = [], "/processes?limit=2"
    while href:
        page = status.get(href).get_json()
        found += [each["id"] for each in page["processes"]]
        href = links(page).get("next", "").removeprefix(BASE)
    assert found == ["a", "b", "c"]


def test_a_job_goes_from_accepted_to_successful(status, job: str, at, artifacts: Path):
    variables = dict(Plan.from_json((artifacts / plan_key(job)).read_bytes()).variables)
    assert variables == {"YEAR": "2021", "METHOD": "near"}
    seen = []
    for phase in ("Pending", "Running", "Succeeded"):
        at(job, phase)
        shown = status.get(f"/jobs/{job}").get_json()
        assert None not in shown.values()
        assert (shown["type"], shown["processID"]) == ("process", "ice-charts")
        seen.append((shown["status"], f"{REL}/results" in links(shown)))
        if phase != "Succeeded":
            assert problem(status.get(f"/jobs/{job}/results")) == (404, "result-not-ready")
    assert seen == [("accepted", False), ("running", False), ("successful", True)]
    key = artifacts / output_key(job, "ice-charts")
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(b"PK")
    result = status.get(f"/jobs/{job}/results").get_json()["result"]
    assert result["type"] == "application/zip"
    assert ".zip" in result["href"]


def test_a_dismissed_job_is_removed(submit, status, job: str, at):
    at(job, "Running")
    assert submit.delete(f"/jobs/{job}").get_json()["status"] == "dismissed"
    assert status.get(f"/jobs/{job}").get_json()["status"] == "dismissed"
    assert problem(status.get(f"/jobs/{job}/results")) == (422, "about:blank")
    assert submit.delete(f"/jobs/{job}").get_json()["status"] == "dismissed"
    assert problem(status.get(f"/jobs/{job}")) == (404, "no-such-job")
    assert status.get("/jobs").get_json()["jobs"] == []
    assert status.get(f"/runs/{job}").status_code == 200


def test_a_job_that_failed_says_why(status, job: str, at):
    at(job, "Failed")
    assert status.get(f"/jobs/{job}").get_json()["status"] == "failed"
    assert problem(status.get(f"/jobs/{job}/results")) == (422, "about:blank")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "input YEAR: is missing"),
        ({"inputs": {"YEAR": "2021"}}, "input YEAR: '2021' is not of type integer"),
        ({"inputs": {"YEAR": 1900}}, "parameter YEAR: 1900 is too small"),
        ({"inputs": {"YEAR": 2021, "X": 1}}, "input 'X': unknown input; possible: YEAR, METHOD"),
        (
            {"inputs": {"YEAR": {"href": "ftp://example.org/y"}}},
            "input YEAR: href: 'ftp://example.org/y' cannot be read by",
        ),
        (
            {"inputs": {"YEAR": {"href": "file:///etc/passwd"}}},
            "input YEAR: href: 'file:///etc/passwd' is no",
        ),
        ({"inputs": {"YEAR": {"href": 2021}}}, "input YEAR: href=2021: give a URL"),
        ({"inputs": {"YEAR": {"href": "http://\ud800/"}}}, r"has '\ud800' as character 8"),
        (
            {"inputs": {"YEAR": 2021, "object": {"href": "https://example.org"}}},
            "input 'object': unknown input",
        ),
        (
            {"inputs": {"YEAR": 2021}, "outputs": {"X": {}}},
            "output 'X': unknown output; possible: result",
        ),
        ({"inputs": [1]}, "inputs: give an object"),
        ({"inputs": {"YEAR": 2021}, "response": "x"}, "response='x': give raw or document"),
        ({"inputs": {"YEAR": 2021}, "subscriber": {"successUri": "http://x"}}, "has no callbacks"),
        ([], "must be a JSON object"),
    ],
)
def test_invalid_execution_requests_start_no_job(
    submit, deployed: str, argo: ArgoServer, body: Any, message: str
):
    answer = submit.post(f"/processes/{deployed}/execution", json=body)

    assert problem(answer) == (400, "about:blank")
    assert message in answer.get_json()["detail"]
    assert argo.workflows == {}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        yield server


LINKED = {
    "2021": (201, ""),
    '"2021"': (400, "input YEAR: '2021' is not of type integer"),
    "[" * 5000: (400, "input YEAR: the content of its link is not JSON"),
    "\xff": (400, "input YEAR: the content of its link is not UTF-8 text"),
    "1" * 8193: (400, "input YEAR: the content of its link has more than 8,192 bytes"),
}


@pytest.mark.parametrize("content", LINKED, ids=range(len(LINKED)))
def test_a_value_may_be_given_by_reference(submit, deployed: str, server, artifacts: Path, content: str):
    server.routes["/year"] = lambda _: Answer(body=content.encode("latin-1"))
    link = {"href": f"{server.url}/year", "type": "application/json"}
    answer = submit.post(f"/processes/{deployed}/execution", json={"inputs": {"YEAR": link}})

    code, message = LINKED[content]
    assert (answer.status_code, message in answer.get_json().get("detail", "")) == (code, True)
    if code == 201:
        plan = Plan.from_json((artifacts / plan_key(answer.get_json()["jobID"])).read_bytes())
        assert dict(plan.variables)["YEAR"] == "2021"


def test_values_by_reference_from_private_networks_are_rejected(serve, environment, server, argo: ArgoServer):
    environment.setenv("OGDC_ALLOWED_NETWORKS", "[]")
    submit = serve("submit")
    assert submit.post("/processes", **packed()).status_code == 201
    link = {"href": f"{server.url}/year"}
    answer = submit.post("/processes/ice-charts/execution", json={"inputs": {"YEAR": link}})
    assert (problem(answer)[0], server.paths(), argo.workflows) == (403, [], {})


UPLOAD = {"input": inputs({"type": "upload", "directory": "in"})}


def test_a_recipe_for_uploads_accepts_a_link_to_a_file(submit, status, artifacts: Path):
    assert submit.post("/processes", **packed(**UPLOAD)).status_code == 201
    described = status.get("/processes/ice-charts").get_json()["inputs"]["object"]
    assert (described["minOccurs"], described["schema"]["contentEncoding"]) == (1, "binary")

    href = "https://example.org/scenes/june%202021.tif?sig=x"
    asked = {"inputs": {"YEAR": 2021, "object": {"href": href, "type": "image/tiff"}}}
    key = {"Idempotency-Key": "one"}
    answer = submit.post("/processes/ice-charts/execution", json=asked, headers=key)
    assert answer.status_code == 201, answer.text
    name = answer.get_json()["jobID"]
    [file] = stored_partition(artifacts, name).files
    assert (file.source, file.name, file.directory) == (href, "june 2021.tif", "in")
    variables = dict(Plan.from_json((artifacts / plan_key(name)).read_bytes()).variables)
    assert variables["TRIGGER_FILE"] == "june 2021.tif"
    assert (variables["TRIGGER_KEY"], variables["TRIGGER_BUCKET"]) == ("scenes/june 2021.tif", "")

    again = submit.post("/processes/ice-charts/execution", json=asked, headers=key)
    assert again.get_json()["jobID"] == name
    asked["inputs"]["object"] = {"href": "https://example.org/other.tif"}
    other = submit.post("/processes/ice-charts/execution", json=asked, headers=key)
    assert (problem(other)[0], "Idempotency-Key" in other.get_json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    "given",
    [
        *(None, 7, "https://example.org/a.tif", {"value": "aGk="}, {"href": "a.tif"}),
        {"href": "https://example.org/a%00b/c.tif"},
    ],
)
def test_a_file_must_be_given_by_reference(submit, argo: ArgoServer, given: Any):
    assert submit.post("/processes", **packed(**UPLOAD)).status_code == 201
    asked = {"inputs": {"YEAR": 2021, "object": given}}
    answer = submit.post("/processes/ice-charts/execution", json=asked)
    assert (problem(answer), argo.workflows) == ((400, "about:blank"), {})
    assert "input object: " in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("name", "changed"), [("object", UPLOAD), ("overwrite", {"output": {"type": "pvc"}})]
)
def test_a_parameter_named_like_an_input_of_the_process_is_rejected(submit, name: str, changed: Any):
    answer = submit.post("/processes", **packed(parameters=[{"name": name}], **changed))
    assert answer.status_code in {400, 422}
    assert f"parameters[0].name: '{name}' is also the name of another input" in answer.get_json()["detail"]


@pytest.mark.parametrize("prefer", [None, "respond-async", "respond-sync", "wait=5, respond-async"])
def test_a_job_is_created_asynchronously_for_any_preference(submit, deployed: str, prefer: str | None):
    headers = {} if prefer is None else {"Prefer": prefer}
    asked = {"inputs": {"YEAR": {"value": 2021}}, "response": "document", "outputs": {"result": {}}}
    answer = submit.post(f"/processes/{deployed}/execution", json=asked, headers=headers)

    assert answer.status_code == 201
    assert answer.headers.get("Preference-Applied") == (
        "respond-async" if "async" in (prefer or "") else None
    )


def test_missing_objects_have_the_error_types_of_the_standard(submit, status):
    assert problem(status.get("/processes/none")) == (404, "no-such-process")
    assert problem(submit.post("/processes/none/execution", json={})) == (404, "no-such-process")
    assert problem(status.get("/jobs/none")) == (404, "no-such-job")
    assert problem(submit.delete("/jobs/none")) == (404, "no-such-job")


def test_jobs_are_filtered_by_type_process_and_status(submit, status, job: str, at):
    at(job, "Running")

    def found(query: str) -> bool:
        answer = status.get(f"/jobs?{query}")
        assert answer.status_code == 200, answer.text
        return bool(answer.get_json()["jobs"])

    assert found("processID=ice-charts&status=running,failed&type=process")
    assert found("status=running&status=failed&minDuration=0&datetime=2020-01-01/..")
    assert not found("processID=other")
    assert not found("status=failed")
    assert not found("datetime=../2020-01-01T00:00:00Z")
    assert not found("minDuration=2000000000")
    for wrong in ("status=gone", "datetime=soon", "limit=0", "type=x", "before=x"):
        assert problem(status.get(f"/jobs?{wrong}"))[0] == 400


def test_jobs_come_in_pages(submit, status, deployed: str):
    for year in (2019, 2020, 2021):
        asked = {"inputs": {"YEAR": year}}
        assert submit.post(f"/processes/{deployed}/execution", json=asked).status_code == 201
    found, href = [], "/jobs?limit=2&processID=ice-charts"
    while href:
        page = status.get(href).get_json()
        found += [each["created"] for each in page["jobs"]]
        href = links(page).get("next", "").removeprefix(BASE)
    assert len({*found}) == len(found) == 3
    assert found == sorted(found, reverse=True)


def test_a_process_is_replaced_and_undeployed(submit, status, deployed: str):
    before = status.get(f"/processes/{deployed}").get_json()["version"]
    assert problem(submit.post("/processes", **packed()))[0] == 409
    assert submit.put(f"/processes/{deployed}", **packed(parameters=[])).status_code == 204
    after = status.get(f"/processes/{deployed}").get_json()
    assert (after["version"] == before, after["inputs"]) == (False, {})
    assert problem(submit.put(f"/processes/{deployed}", **packed(name="Other")))[0] == 400
    assert problem(submit.put(f"/processes/{deployed}", json={}))[0] == 415
    assert submit.delete(f"/processes/{deployed}").status_code == 204
    assert status.get("/processes").get_json()["processes"] == []


def test_processes_can_be_deployed_by_a_setting(serve, environment, tmp_path: Path):
    recipe = make_recipe(tmp_path / "recipe", **RECIPE | {"output": {"type": "pvc"}})
    environment.setenv("OGDC_ALLOW_LOCAL_RECIPES", "true")
    environment.setenv("OGDC_PROCESSES", f'["{recipe}", "{tmp_path}/none"]')
    submit, status = serve("submit"), serve("status")
    submit.post("/sweep")
    process = status.get("/processes/ice-charts").get_json()
    assert (process["mutable"], [*process["inputs"]]) == (False, ["YEAR", "METHOD", "overwrite"])
    assert problem(submit.delete("/processes/ice-charts"))[0] == 403
    asked = {"inputs": {"YEAR": 2021, "overwrite": True}}
    assert submit.post("/processes/ice-charts/execution", json=asked).status_code == 201
    (recipe / "meta.yml").unlink()
    serve("submit").post("/sweep")
    assert status.get("/processes/ice-charts").status_code == 200, "one that cannot be read stays"
    environment.setenv("OGDC_PROCESSES", "[]")
    serve("submit").post("/sweep")
    assert status.get("/processes").get_json()["processes"] == []
