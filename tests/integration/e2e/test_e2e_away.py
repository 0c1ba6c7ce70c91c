"""Unavailable services and full disks: what commands and the API report, and what a submission leaves.

Each deployment is a process of its own with real PostgreSQL; what is away is not there at all. The command
line asks four times before it gives up, so its calls are all made at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from support.deployment import Service, deployed, settings_of
from support.http import closed_port
from support.postgres import PostgresServer
from support.recipes import inputs, make_recipe
from support.stack import Done, Response, request, run_cli, user_environment

SMALL_DISK = 64 * 1024


class Case(NamedTuple):
    """One part that is away, what was called, and what came."""

    service: Service
    cli: Done
    reply: Response
    places: tuple[Path, ...]
    """The artifact store and the directory for temporary files, as the service sees them."""

    def left(self) -> list[str]:
        """What submissions have left: runs and files, but for the snapshot, which runs of a recipe share."""
        runs = request("GET", f"{self.service.url}/runs").body["runs"]
        files = [
            path
            for place in self.places
            for path in place.rglob("*")
            if path.is_file() and path.parent.name != "recipes"
        ]
        return [*(run["name"] for run in runs), *map(str, files)]


@pytest.fixture(scope="module")
def cases(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Case]]:
    directory = tmp_path_factory.mktemp("away")
    database = postgres_server.make_database()
    artifacts, scratch = directory / "artifacts", directory / "scratch"
    for made in (artifacts, scratch):
        made.mkdir()
    recipe = make_recipe(
        directory / "recipe",
        input=inputs({"type": "file", "path": "noise"}),
        output={"type": "temporary"},
        files={"noise": os.urandom(2 * SMALL_DISK)},
    )
    with ExitStack() as parts:
        nobody = parts.enter_context(closed_port())
        good = settings_of(database, argo_url=nobody, artifacts=artifacts)
        good |= {"OGDC_ALLOW_LOCAL_RECIPES": "true", "TMPDIR": str(scratch)}
        no_database = good | {"OGDC_DB_HOST": str(directory / "nowhere")}
        full = ["bwrap", "--dev-bind", "/", "/", "--size", str(SMALL_DISK), "--tmpfs", str(artifacts), "--"]
        calls = {
            "read without database": (no_database, [], ["list"], ("GET", "/runs")),
            "submit without database": (no_database, [], ["submit", str(recipe)], ("POST", "/submit")),
            "submit without engine": (good, [], ["submit", str(recipe)], ("POST", "/submit")),
            "submit to a full disk": (good, full, ["submit", str(recipe)], ("POST", "/submit")),
        }
        services = {
            name: parts.enter_context(deployed(settings, prefix=prefix))
            for name, (settings, prefix, _, _) in calls.items()
        }

        def call(name: str) -> Case:
            _, _, arguments, (method, path) = calls[name]
            environ = user_environment(directory / "home", OGDC_API_URL=services[name].url)
            body = b'{"recipe_path": "%s"}' % str(recipe).encode() if method == "POST" else None
            headers = {"Content-Type": "application/json"} if body else {}
            reply = request(method, f"{services[name].url}{path}", body=body, headers=headers)
            places = tuple(services[name].root / place.relative_to("/") for place in (artifacts, scratch))
            return Case(services[name], run_cli(*arguments, environ=environ, cwd=directory), reply, places)

        with ThreadPoolExecutor(len(calls)) as pool:
            yield dict(zip(calls, pool.map(call, calls), strict=True))
    postgres_server.drop_database(database)


def check(case: Case, *words: str) -> None:
    """The same is answered by both, as something that passes, without what is nobody's business."""
    assert case.reply.status == 503
    assert case.reply.headers["Retry-After"].isdecimal()
    assert case.cli.code == 1
    assert case.cli.out == ""
    for message in (case.reply.detail, case.cli.err):
        assert all(word in message for word in words), message
        assert "nowhere" not in message
        assert "artifacts" not in message


@pytest.mark.parametrize("name", ["read without database", "submit without database"])
def test_an_unavailable_database_is_reported(cases: dict[str, Case], name: str) -> None:
    check(cases[name], "database", "try again")


def test_an_unavailable_engine_is_reported_and_leaves_no_run(cases: dict[str, Case]) -> None:
    case = cases["submit without engine"]
    check(case, "Argo")
    assert case.left() == []


def test_a_full_disk_is_reported_and_leaves_no_run(cases: dict[str, Case]) -> None:
    case = cases["submit to a full disk"]
    check(case, "room")
    assert case.left() == []


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="takes bubblewrap to make a small disk")
def test_download_to_a_full_disk_leaves_nothing(stack, recipe, tmp_path: Path) -> None:
    noise = f"head -c {4 * SMALL_DISK} /dev/urandom > /output_dir/noise"
    name = stack.cli("submit", "--wait", "--json", str(recipe("noise", noise))).json()["name"]
    small = tmp_path / "small"
    small.mkdir()
    disk = ["bwrap", "--dev-bind", "/", "/", "--size", str(SMALL_DISK), "--tmpfs", str(small)]
    shown = ["sh", "-c", '"$@"; code=$?; ls -A . >&2; exit $code', "sh"]
    done = run_cli(
        "get-output",
        name,
        environ=stack.environ,
        cwd=tmp_path,
        prefix=[*disk, "--chdir", str(small), "--", *shown],
    )
    assert done.code == 1
    assert done.err.startswith("Error: ")
    assert done.err.endswith("No space left on device.\n"), "and no file is listed after it"
