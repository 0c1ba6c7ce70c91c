"""A job without a secret authenticates with GitHub's own token."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.answers import run_fields
from support.github_runner import Runner
from support.http import Answer, FileServer, Request
from support.logins import Deployment
from support.recipes import inputs, make_recipe

SUBMIT = "Submit the recipe"
KEY = "the job's own key"
LOOKS = 6


def jwt(**claims: Any) -> str:
    parts = ({"alg": "none"}, claims, {"signed": claims})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)


class GitHub:
    """Answers as GitHub's token endpoint does, with tokens that are numbered."""

    def __init__(self, server: FileServer) -> None:
        self.audiences: list[str] = []
        self.given: list[str] = []
        self.url = f"{server.url}/idtoken?api-version=2.0"
        server.routes["/idtoken"] = self._answer

    def _answer(self, request: Request) -> Answer:
        if request.headers["Authorization"] != f"Bearer {KEY}" or request.query["api-version"] != ["2.0"]:
            return Answer(status=401)
        self.audiences += request.query["audience"]
        self.given.append(jwt(number=len(self.given), exp=int(time.time()) + 86400))
        return Answer(body=json.dumps({"count": 1, "value": self.given[-1]}).encode())

    @property
    def environ(self) -> dict[str, str]:
        return {"ACTIONS_ID_TOKEN_REQUEST_URL": self.url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": KEY}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(tmp_path) as deployment:
        yield deployment


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    with FileServer(tmp_path) as server:
        yield GitHub(server)


@pytest.fixture
def runner(tmp_path: Path, github: GitHub) -> Runner:
    runner = Runner(tmp_path / "job", environ=github.environ)
    runner.take_program()
    make_recipe(
        runner.workspace / "recipe",
        input=inputs({"type": "file", "path": "words.txt"}),
        files={"words.txt": ""},
    )
    return runner


class Run:
    """Answers about a run that is looked at a few times, and takes each token for so many requests."""

    def __init__(self, deployment: Deployment, *, looks: int = 1, uses: int = 1000) -> None:
        self.looks = looks
        self.uses = uses
        self.used: dict[str, int] = {}
        deployment.routes["/api/submit"] = self._guarded({"recipe_workflow_name": "r", "message": "taken"})
        deployment.routes["/api/runs/r"] = self._guarded(None)
        deployment.routes["/api/runs/r/logs"] = lambda _: Answer(body=b"[process] ::add-mask::e\n")

    def _guarded(self, answer: dict[str, Any] | None) -> Callable[[Request], Answer]:
        def respond(request: Request) -> Answer:
            token = request.headers.get("Authorization", "")
            self.used[token] = self.used.get(token, 0) + 1
            if self.used[token] > self.uses:
                return Answer(status=401, body=b'{"detail": "This token has ended."}')
            return Answer(body=json.dumps(answer or self._run()).encode())

        return respond

    def _run(self) -> dict[str, Any]:
        self.looks -= 1
        return run_fields(name="r", status="Succeeded" if self.looks <= 0 else "Running")


def test_a_job_without_a_secret_authenticates_with_githubs_token(
    runner: Runner, github: GitHub, deployment: Deployment
) -> None:
    run = Run(deployment)
    step = runner.run(SUBMIT, recipe="recipe", api_url=deployment.url, timeout=300)

    assert step.code == 0, step
    [token] = github.given
    assert github.audiences == [deployment.metadata["resource"]]
    assert set(run.used) == {f"Bearer {token}"}


def test_tokens_are_masked_even_while_commands_are_disabled(
    runner: Runner, github: GitHub, deployment: Deployment
) -> None:
    Run(deployment, looks=LOOKS, uses=3)
    step = runner.run(SUBMIT, recipe="recipe", api_url=deployment.url, timeout=300)

    assert step.code == 0, step
    assert len(github.given) > 1
    masked = [command.data for command in step.commands if command.name == "add-mask"]
    assert masked == github.given
    for token in github.given:
        assert [line for line in step.log.splitlines() if token in line] == [f"::add-mask::{token}"]
        assert token not in step.summary + json.dumps(step.outputs)
    assert KEY not in step.log


def test_each_deployment_gets_a_token_with_its_own_audience(
    runner: Runner, github: GitHub, deployment: Deployment
) -> None:
    run = Run(deployment)
    deployment.metadata["resource"] = "https://ogdc.example.org/api"
    step = runner.run(SUBMIT, recipe="recipe", api_url=deployment.url, timeout=300)

    assert step.code == 1
    assert "calls itself 'https://ogdc.example.org/api'" in step.annotations("error")[0].data
    assert (run.used, github.given) == ({}, [])


def test_a_given_token_takes_precedence(runner: Runner, github: GitHub, deployment: Deployment) -> None:
    run = Run(deployment)
    step = runner.run(SUBMIT, recipe="recipe", api_url=deployment.url, token="given", timeout=300)

    assert step.code == 0, step
    assert set(run.used) == {"Bearer given"}
    assert github.given == []


def test_no_token_is_sent_to_a_deployment_in_open_mode(
    runner: Runner, github: GitHub, deployment: Deployment
) -> None:
    run = Run(deployment)
    del deployment.routes["/api/.well-known/oauth-protected-resource"]
    step = runner.run(SUBMIT, recipe="recipe", api_url=deployment.url, timeout=300)

    assert step.code == 0, step
    assert set(run.used) == {""}
    assert github.given == []


def test_a_job_that_is_not_trusted_is_told_what_to_do(
    runner: Runner, github: GitHub, deployment: Deployment
) -> None:
    Run(deployment, uses=0)
    step = runner.run(SUBMIT, recipe="recipe", api_url=deployment.url, timeout=300)

    assert step.code == 1
    assert "which repositories" in step.annotations("error")[0].data
