"""The commands that need no stack: they look at recipes, keep tokens and tell about themselves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from support.http import Answer, FileServer, Request, closed_port
from support.stack import Done, Stack, run_cli, user_environment, wait_until

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
COMMANDS = """
init doctor version run up down validate validate-recipe validate-all-recipes compile graph
submit status check-workflow-status list watch logs cancel retry outputs get-output ui
provenance reproduce publish rm gc login logout whoami token set-token audit triggers webhooks tokens users
"""
Cli = Callable[..., Done]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return user_environment(tmp_path / "home", OGDC_STATE_DIR=str(tmp_path / "state"))


@pytest.fixture
def cli(environ: dict[str, str], tmp_path: Path) -> Cli:
    return lambda *arguments, **more: run_cli(*arguments, environ=environ | more, cwd=tmp_path)


@pytest.fixture
def repository(tmp_path: Path, recipe) -> Iterator[Path]:
    """A git repository with one recipe on `main`, and a bad one added on a branch."""
    root = tmp_path / "ogdc-recipes"

    def git(*words: str) -> None:
        author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(root), *author, *words], check=True, capture_output=True)

    root.mkdir()
    git("init", "-q", "-b", "main")
    recipe("good one").rename(tmp_path / "good")
    (root / "recipes").mkdir()
    (tmp_path / "good").rename(root / "recipes" / "good")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("checkout", "-q", "-b", "more")
    (root / "recipes" / "bad").mkdir()
    (root / "recipes" / "bad" / "meta.yml").write_text("name: bad_name\n")
    git("add", ".")
    git("commit", "-q", "-m", "two")
    git("checkout", "-q", "main")
    return root


@pytest.mark.parametrize("command", ["validate", "validate-recipe"])
def test_validate_accepts_a_valid_recipe(cli: Cli, command: str) -> None:
    for example in sorted(EXAMPLES.glob("*/meta.yml")):
        done = cli(command, str(example.parent))
        assert done.code == 0
        assert done.out.startswith(f"{example.parent} is valid (")


def test_validation_names_each_problem(cli: Cli, repository: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "meta.yml").write_text("name: bad_name\n")
    done = cli("validate", "bad")
    assert done.code == 1
    assert done.out == ""
    assert done.err.splitlines()[0] == "bad is not valid:"
    named = [line.removeprefix("  meta.yml: ").split(":")[0] for line in done.err.splitlines()[1:]]
    assert named == ["name", "workflow", "input"]


def test_all_recipes_of_a_repository_are_validated(cli: Cli, repository: Path) -> None:
    here = cli("validate-all-recipes", str(repository))
    assert (here.code, here.out) == (0, "valid    good\n1 of 1 recipe valid.\n")
    main = cli("validate-all-recipes", f"file://{repository}", "--ref", "main")
    assert main.out == here.out
    more = cli("validate-all-recipes", str(repository), "--ref", "more")
    assert more.code == 1
    assert more.out.startswith("invalid  bad\n         meta.yml: ")
    assert more.out.endswith("valid    good\n1 of 2 recipes valid.\n")
    found = cli("validate-all-recipes", str(repository), "--ref", "more", "--json").json()
    assert [(recipe["recipe"], recipe["valid"]) for recipe in found] == [("bad", False), ("good", True)]


def test_a_location_that_is_no_repository_is_reported(cli: Cli, repository: Path, tmp_path: Path) -> None:
    no_ref = cli("validate-all-recipes", str(repository), "--ref", "no-such-branch")
    assert no_ref.code == 1
    assert f"{repository} at 'no-such-branch' cannot be fetched" in no_ref.err
    (tmp_path / "empty").mkdir()
    empty = cli("validate-all-recipes", "empty")
    assert (empty.code, empty.err) == (1, "Error: empty holds no recipes/*/meta.yml.\n")
    assert cli("validate-all-recipes", "no/such/place").code == 1
    assert list(tmp_path.glob("home/tmp/*")) == []


def test_compile_prints_the_manifest_that_a_submission_creates(stack: Stack, tmp_path: Path) -> None:
    example = str(EXAMPLES / "temporary-outlines")
    name = stack.cli("submit", "--fresh", "--json", example).json()["name"]
    submitted = json.loads(stack.manifest(name))
    local = {"ARGO_NAMESPACE": "local", "OGDC_WORKFLOW_PVC_NAME": "workflow"}
    compiled = stack.cli("compile", example, **local)
    assert compiled.code == 0
    manifest = yaml.safe_load(compiled.out)
    assert manifest == json.loads(stack.cli("compile", "--json", example, **local).out) | {
        "metadata": manifest["metadata"],
        "spec": manifest["spec"],
    }
    own = manifest["metadata"]["name"]
    assert json.loads(json.dumps(manifest["spec"]).replace(own, name)) == submitted["spec"]
    assert set(manifest["metadata"]["labels"]) <= set(submitted["metadata"]["labels"])
    stack.wait(name)


def test_compiled_manifest_follows_settings_and_overwrite(cli: Cli) -> None:
    done = cli(
        "compile", "--json", "--overwrite", str(EXAMPLES / "mosaic-and-clip"),
        ARGO_NAMESPACE="elsewhere", OGDC_WORKER_IMAGE="example.org/worker:2",
    )  # fmt: skip
    assert done.json()["metadata"]["namespace"] == "elsewhere"
    assert "example.org/worker:2" in done.out
    assert "--overwrite" in done.out
    assert done.json()["spec"]["activeDeadlineSeconds"] == 1800


def test_graph_is_a_flowchart_of_the_commands(cli: Cli, recipe) -> None:
    done = cli("graph", str(recipe("drawn", 'echo "a]-->b" > /output_dir/x', "cp /input_dir/x /output_dir/")))
    assert done.code == 0
    assert done.out.splitlines()[0] == "flowchart TD"
    assert '  n1["1: echo #34;a#93;--#62;b#34; #62; /output_dir/x"]' in done.out.splitlines()
    assert "  n2 --> n3" in done.out.splitlines()


def test_help_lists_every_command_in_full(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    commands = done.out.partition("Commands:\n")[2]
    assert [line.split()[0] for line in commands.splitlines()] == COMMANDS.split()
    assert "..." not in commands, "a description is cut short"
    assert cli().code == 2


def test_tokens_are_stored_privately_and_sent_only_to_their_deployment(cli: Cli, tmp_path: Path) -> None:
    kept = tmp_path / "home/.config/ogdc/tokens.json"
    with FileServer(tmp_path) as server, FileServer(tmp_path) as other:
        for each in (server, other):
            each.routes["/runs"] = lambda _: Answer(body=b'{"runs": [], "next": null}')
        done = cli("set-token", "--access", "abc", OGDC_API_URL=server.url)
        assert done.out == f"Tokens for {server.url} kept in {kept}.\n"
        assert cli("set-token", "--refresh", "def", OGDC_API_URL=server.url).code == 0
        assert json.loads(kept.read_text())["deployments"][server.url]["refresh_token"] == "def"
        assert kept.stat().st_mode & 0o777 == 0o600
        for each in (server, other):
            assert cli("list", OGDC_API_URL=each.url).out == "No runs.\n"
        assert server.requests[0].headers["Authorization"] == "Bearer abc"
        assert other.requests[0].headers["Authorization"] is None
    elsewhere = tmp_path / "elsewhere.json"
    given = json.dumps({"access_token": "ghi", "refresh_token": "jkl", "id_token": "no"})
    assert cli("set-token", "--json-str", given, TOKEN_CACHE_FILE=str(elsewhere)).code == 0
    assert "ghi" in elsewhere.read_text()
    assert "no" not in json.loads(elsewhere.read_text())["deployments"].popitem()[1].values()
    kept.write_text("{")
    broken = cli("list", OGDC_API_URL="http://127.0.0.1:9")
    assert broken.code == 1
    assert f"The token file {kept} cannot be read" in broken.err


def test_a_token_file_of_the_previous_version_is_used(cli: Cli, tmp_path: Path) -> None:
    kept = tmp_path / "home/.config/ogdc/tokens.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"access_token": "abc", "refresh_token": "def"}')
    with FileServer(tmp_path) as server:
        server.routes["/runs"] = lambda _: Answer(body=b'{"runs": [], "next": null}')
        done = cli("list", OGDC_API_URL=server.url)
        assert server.requests[0].headers["Authorization"] == "Bearer abc"
    assert done.out == "No runs.\n"
    assert f"is kept for {server.url} from now on" in done.err


def test_the_versions_of_program_and_service_are_printed(cli: Cli, stack: Stack) -> None:
    own = f"ogdc-runner {version('ogdc-runner')}\n"
    assert cli("version").out == own
    assert stack.cli("version", "--api").out == own + f"{stack.url} {version('ogdc-runner')}\n"


def test_a_stopped_stack_is_reported(cli: Cli) -> None:
    """The production service stands behind a proxy that is not there, so that nothing leaves this machine."""
    with closed_port() as proxy:
        done = cli("list", https_proxy=proxy)
    assert done.code == 1
    assert "https://ogdc.dataone.org/api does not answer" in done.err
    assert "No local stack is up" in done.err
    assert "`ogdc-runner up` starts the stack" in done.err
    assert "OGDC_API_URL" in done.err
    assert cli("down").out == "No stack was up.\n"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "OGDC_API_URL='nonsense': give a URL such as https://ogdc.dataone.org/api."),
        ("{closed}", "{closed} does not answer: Connection refused."),
        ("{served}", "{served} does not answer as an OGDC API does. Is OGDC_API_URL right?"),
        ("{served}/none", "{served}/none/runs?limit=20 answered 404 Not Found."),
    ],
)
def test_a_url_without_an_ogdc_api_is_reported(cli: Cli, tmp_path: Path, url: str, message: str) -> None:
    with FileServer(tmp_path) as server, closed_port() as closed:
        server.routes["/runs"] = lambda _: Answer(body=b"<html>Welcome</html>")
        places = {"served": server.url, "closed": closed}
        done = cli("list", OGDC_API_URL=url.format(**places))
    assert done.code == 1
    assert message.format(**places) in done.err


def test_advice_about_a_remote_recipe_is_part_of_the_response(cli: Cli, tmp_path: Path) -> None:
    answer = (
        b'{"message": "Taken.", "recipe_workflow_name": "x-abc", "run_id": "1", "advice": ["look at this"]}'
    )
    with FileServer(tmp_path) as server:
        server.routes["/submit"] = lambda _: Answer(body=answer)
        done = cli("submit", "https://example.org/recipe.tar.gz", OGDC_API_URL=server.url)
    assert done.code == 0
    assert done.err.splitlines() == ["note: look at this"]


def test_a_queued_run_is_not_reported_as_running(cli: Cli, tmp_path: Path) -> None:
    answer = b'{"message": "Waits.", "recipe_workflow_name": "x-abc", "run_id": "1", "waits": true}'
    with FileServer(tmp_path) as server:
        server.routes["/submit"] = lambda _: Answer(body=answer)
        done = cli("submit", "https://example.org/recipe.tar.gz", OGDC_API_URL=server.url)
        assert done.out.startswith(f"Waits.\nIt starts automatically at {server.url}; see how it goes with: ")


def test_a_submission_is_retried_with_its_idempotency_key_on_503(cli: Cli, recipe, tmp_path: Path) -> None:
    answers = [Answer(status=503, body=b'{"detail": "soon"}', headers={"Retry-After": "0"})] * 2
    answers.append(Answer(body=b'{"message": "Taken.", "recipe_workflow_name": "x-abc", "run_id": "1"}'))
    keys: list[str] = []

    def submit(request: Request) -> Answer:
        keys.append(request.headers["Idempotency-Key"])
        return answers[len(keys) - 1]

    with FileServer(tmp_path) as server:
        server.routes["/submit"] = submit
        done = cli("submit", str(recipe("again")), OGDC_API_URL=f"{server.url}/")
        assert done.out == f"Taken.\nIt runs at {server.url}; see how it goes with: ogdc-runner watch x-abc\n"
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_ui_opens_the_page_of_a_deployment(cli: Cli, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = {"BROWSER": f"sh -c 'printf %s \"$0\" > {opened}.new; mv {opened}.new {opened}' %s"}
    with FileServer(tmp_path) as server:
        done = cli("ui", OGDC_API_URL=server.url, **browser)
        assert (done.code, done.out) == (0, f"{server.url}/ui/\n")
        wait_until(opened.exists)
        assert opened.read_text() == f"{server.url}/ui/"
        done = cli("ui", OGDC_API_URL=server.url, BROWSER="no-such-browser")
        assert (done.code, done.out) == (0, f"{server.url}/ui/\n")
        assert "open that address" in done.err
