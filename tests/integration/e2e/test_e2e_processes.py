"""OGC API - Processes with the engine, used by a client that knows only the standard."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any, Protocol
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pytest
from owslib.ogcapi.processes import Processes

from ogdc_shared.recipe.bundle import pack
from support.http import FileServer
from support.recipes import make_own_recipe
from support.stack import Stack, wait_until

RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"


def call(stack: Stack, path: str, body: Any = None, **headers: str) -> tuple[int, Message, bytes]:
    url = path if path.startswith("http") else f"{stack.url}{path}"
    content = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): each for name, each in headers.items()
    }
    with urlopen(Request(url, content, sent), timeout=120) as answer:
        return answer.status, answer.headers, answer.read()


def executed(stack: Stack, body: Any) -> tuple[Message, bytes]:
    """Run the echo and return its outputs: at once or, from a machine too busy for that, later."""
    status, headers, outputs = call(stack, "/processes/echo/execution", body)
    if status == 200:
        monitor = headers["Link"].partition(">")[0].removeprefix("<")
        assert json.loads(call(stack, monitor)[2])["status"] == "successful"
        return headers, outputs
    job = headers["Location"]
    wait_until(lambda: json.loads(call(stack, job)[2])["status"] == "successful")
    return call(stack, f"{job}/results")[1:]


def test_an_echo_comes_back_by_value(stack: Stack) -> None:
    inputs = {"text": "hello", "object": {"value": {"a": 1}}, "box": {"bbox": [1, 2, 3, 4]}}
    _, alone = executed(stack, {"inputs": inputs, "outputs": {"text": {}}})
    assert alone == b"hello"
    headers, several = executed(stack, {"inputs": inputs})
    assert headers.get_content_type() == "multipart/related"
    assert several.count(f"--{headers.get_param('boundary')}".encode()) == 4


def test_an_echo_in_the_background_is_a_job_like_others(stack: Stack) -> None:
    asked = {"inputs": {"text": "hello", "object": {"a": 1}}, "response": "document"}
    status, headers, _ = call(stack, "/processes/echo/execution", asked, Prefer="respond-async")
    assert (status, headers["Preference-Applied"]) == (201, "respond-async")
    job = headers["Location"]
    wait_until(lambda: json.loads(call(stack, job)[2])["status"] == "successful")
    found = json.loads(call(stack, f"{job}/results")[2])
    assert found == {"text": "hello", "object": {"value": {"a": 1}}}


class Client(Protocol):
    """A program that knows the standard, and nothing else."""

    def processes(self) -> list[dict[str, Any]]: ...

    def process(self, name: str) -> dict[str, Any]: ...

    def execute(self, name: str, inputs: dict[str, Any]) -> str:
        """Have it run; returns the job's address."""

    def get(self, address: str) -> dict[str, Any]: ...

    def dismiss(self, address: str) -> dict[str, Any]: ...


class OwsLib:
    """Says which way of running it prefers, and takes what comes."""

    def __init__(self, url: str) -> None:
        self._service = Processes(url)
        self._url = url
        self.processes, self.process = self._service.processes, self._service.process

    def execute(self, name: str, inputs: dict[str, Any]) -> str:
        self._service.execute(name, inputs, async_=True)
        address: str = self._service.response_headers["Location"]
        return address

    def get(self, address: str) -> dict[str, Any]:
        return self._ask("GET", address)

    def dismiss(self, address: str) -> dict[str, Any]:
        return self._ask("DELETE", address)

    def _ask(self, method: str, address: str) -> dict[str, Any]:
        path = address.removeprefix(f"{self._url}/")
        found: dict[str, Any] = self._service._request(method=method, path=path)
        return found


class Strict:
    """Prefers nothing, follows links alone, and takes what the standard has, in plain JSON."""

    def __init__(self, url: str) -> None:
        self._links = {each["rel"].rpartition("/")[2]: each["href"] for each in self._ask(f"{url}/")["links"]}

    def processes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(self._links["processes"])["processes"]
        return found

    def process(self, name: str) -> dict[str, Any]:
        [summary] = [each for each in self.processes() if each["id"] == name]
        return self.get(self._link(summary, "self"))

    def execute(self, name: str, inputs: dict[str, Any]) -> str:
        address = self._link(self.process(name), "http://www.opengis.net/def/rel/ogc/1.0/execute")
        job = self._ask(address, {"inputs": inputs}, method="POST", code=201)
        assert job.keys() >= {"jobID", "status", "type"}
        return self._link(job, "monitor")

    def get(self, address: str) -> dict[str, Any]:
        return self._ask(address)

    def dismiss(self, address: str) -> dict[str, Any]:
        return self._ask(address, method="DELETE")

    def _link(self, answer: dict[str, Any], rel: str) -> str:
        [href] = [each["href"] for each in answer["links"] if each["rel"] == rel]
        return str(href)

    def _ask(self, url: str, body: Any = None, *, method: str = "GET", code: int = 200) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        with urlopen(Request(url, content, headers, method=method), timeout=120) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (code, "application/json")
            found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture(scope="module")
def copies(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A process that gives back a file that it is given a link to."""
    recipe: Path = make_own_recipe(
        tmp_path_factory.mktemp("copies") / "recipe",
        'cp "/input_dir/$TRIGGER_FILE" /output_dir/; sleep "$PAUSE"',
        name="Copies",
        params=[{"type": "upload"}],
        parameters=[{"name": "PAUSE", "type": "integer", "default": 0}],
    )
    sent = stack.api("POST", "/processes", body=pack(recipe), headers={"Content-Type": "application/gzip"})
    assert sent.status == 201, sent
    return "copies"


@pytest.mark.parametrize("connect", [OwsLib, Strict])
def test_ogc_api_clients_run_a_recipe_on_their_file_and_fetch_the_result(
    stack: Stack, server: FileServer, copies: str, connect: Callable[[str], Client]
) -> None:
    client = connect(stack.url)
    assert copies in [each["id"] for each in client.processes()]
    assert client.process(copies)["inputs"].keys() == {"PAUSE", "object"}
    inputs = {"object": {"href": f"{server.url}/stations.csv", "type": "text/csv"}}

    job = client.execute(copies, inputs)
    wait_until(lambda: client.get(job)["status"] == "successful")
    [results] = [each["href"] for each in client.get(job)["links"] if each["rel"] == RESULTS]
    with (
        urlopen(client.get(results)["result"]["href"]) as answer,
        ZipFile(io.BytesIO(answer.read())) as files,
    ):
        assert files.read("stations.csv") == (server.directory / "stations.csv").read_bytes()


@pytest.mark.parametrize("connect", [OwsLib, Strict])
def test_ogc_api_clients_dismiss_a_job(
    stack: Stack, server: FileServer, copies: str, connect: Callable[[str], Client]
) -> None:
    client = connect(stack.url)
    link = {"href": f"{server.url}/stations.csv"}
    job = client.execute(copies, {"object": link, "PAUSE": 3600})
    wait_until(lambda: client.get(job)["status"] == "running")
    client.dismiss(job)
    wait_until(lambda: client.get(job)["status"] == "dismissed")
