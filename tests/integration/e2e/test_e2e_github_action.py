"""The GitHub Action against the real stack: its steps run as GitHub's runner runs them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
import zipfile
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path

import pytest

from support.effort import THOROUGH
from support.github_runner import ACTION, ROOT, Runner, Step
from support.http import Answer, FileServer, Request
from support.recipes import inputs, make_recipe
from support.stack import Stack, wait_until

SUBMIT = "Submit the recipe"
WORDS = {"type": "file", "path": "words.txt"}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    runner = Runner(tmp_path)
    runner.take_program()
    return runner


def recipe_in(
    runner: Runner, directory: str, *commands: str, name: str = "by action", output: str = "temporary"
) -> str:
    """A recipe in the runner's repository; returns its path there."""
    make_recipe(
        runner.workspace / directory,
        name=name,
        input=inputs(WORDS),
        output={"type": output},
        files={
            "words.txt": "some words\n",
            "recipe.sh": "\n".join(commands or ("cp /input_dir/* /output_dir/",)) + "\n",
        },
    )
    return directory


def submit(runner: Runner, stack: Stack, recipe: str, **more: str) -> Step:
    return runner.run(SUBMIT, recipe=recipe, api_url=stack.url, **more)


def test_a_recipe_is_run_and_its_result_can_be_fetched(runner: Runner, stack: Stack) -> None:
    step = submit(runner, stack, recipe_in(runner, "recipes/words"))

    assert step.code == 0, step
    run = stack.run(step.outputs["run"])
    assert (step.outputs["status"], run["status"]) == ("Succeeded", "Succeeded")
    assert run["submitted_by"] == "octo-cat[bot]"
    with urllib.request.urlopen(step.outputs["output-url"]) as answer:
        assert zipfile.ZipFile(BytesIO(answer.read())).read("words.txt") == b"some words\n"
    [notice] = step.annotations("notice")
    assert notice.properties["title"] == "recipes/words: Succeeded"
    assert not step.annotations("error")
    assert "| status | Succeeded |" in step.summary


def test_a_run_that_fails_fails_the_step_and_says_why(runner: Runner, stack: Stack) -> None:
    step = submit(runner, stack, recipe_in(runner, "recipes/bad", "echo no such tile >&2; exit 3"))

    assert step.code == 1, step
    assert stack.run(step.outputs["run"])["status"] == step.outputs["status"] == "Failed"
    assert step.outputs["output-url"] == ""
    [error] = step.annotations("error")
    assert "command 1 of 1 failed with exit code 3" in error.data
    assert "no such tile" in error.data
    assert "no such tile" in step.summary


def test_problems_of_a_recipe_are_annotated_at_their_lines(runner: Runner, stack: Stack) -> None:
    recipe = recipe_in(runner, "recipes/100%, odd: name", "echo 'never closed", "ls")
    meta = runner.workspace / recipe / "meta.yml"
    meta.write_text(
        "name: fine\nworkflow:\n  type: shell\ninput:\n  params:\n"
        "    - type: file\n      path: words.txt\n    - type: file\n      path: gone.txt\n"
    )
    with stack.leaving_nothing():
        step = submit(runner, stack, recipe)

    assert step.code == 1
    assert {(error.properties["file"], error.properties["line"]) for error in step.annotations("error")} == {
        (f"{recipe}/recipe.sh", "1"),
        (f"{recipe}/meta.yml", "9"),
    }
    assert "gone.txt" in step.summary
    assert step.outputs == {}


@pytest.mark.parametrize(
    ("meta", "line"),
    [
        ("name: a\nworkflow: {}\ninput: {params: []}\nmore: 1\n", "4"),
        ("name: a\n\nworkflow:\n  timeout: never\n", "4"),
        ("name: a\nworkflow:\n\ttype: shell\n", "3"),
        ("name: a\nname: b\n", "2"),
        ("- a\n", None),
    ],
)
def test_the_annotation_is_at_the_line_with_the_problem(runner: Runner, meta: str, line: str | None) -> None:
    recipe = recipe_in(runner, "recipes/wrong")
    (runner.workspace / recipe / "meta.yml").write_text(meta)

    step = runner.run(SUBMIT, recipe=recipe, validate_only="true")

    assert step.code == 1
    found = [error.properties for error in step.annotations("error")]
    assert {each["file"] for each in found} == {f"{recipe}/meta.yml"}
    assert line in {each.get("line") for each in found}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("$(touch pwned)", "notice"),
        ("`touch pwned`; touch pwned", "notice"),
        ('"; touch pwned; "', "notice"),
        ("--help", "notice"),
        ("|</pre><script>alert(1)</script>`#![](x)", "notice"),
        ("a\n##[add-mask]recipes\nrun=pwned", "notice"),
        ("a\n::add-mask::recipes", "error"),  # `::` is how locations far away are chained
        ("not there\n::add-mask::recipes", "error"),
    ],
)
def test_unusual_names_are_passed_on_unchanged(runner: Runner, name: str, outcome: str) -> None:
    recipe = f"recipes/{name}"
    if "not there" not in name:
        recipe_in(runner, recipe)
    before = set(runner.workspace.rglob("*"))

    step = runner.run(SUBMIT, recipe=recipe, validate_only="true")

    assert [command.name for command in step.commands] == [outcome], step
    assert set(runner.workspace.rglob("*")) == before
    assert step.outputs == {}
    assert "<script>" not in step.summary
    assert step.summary.count("\n| ") == 3  # the head of the table, what is below it, and one row


def test_output_of_a_run_is_not_interpreted_as_workflow_commands(runner: Runner, stack: Stack) -> None:
    line = "echo '::add-mask::e' ; echo '##[add-mask]e' ; echo '::error::it lies' >&2"
    step = submit(runner, stack, recipe_in(runner, "recipes/liar", line, "exit 1"))

    assert step.code == 1
    assert [command.name for command in step.commands] == ["error"]
    assert "it lies" in step.log


def test_an_unreachable_deployment_is_reported(runner: Runner) -> None:
    step = runner.run(SUBMIT, recipe=recipe_in(runner, "recipes/words"), api_url="http://127.0.0.1:9")

    assert step.code == 1
    [error] = step.annotations("error")
    assert "http://127.0.0.1:9 does not answer" in error.data
    assert error.properties["title"] == "recipes/words: Not submitted"


def test_without_wait_the_step_ends_after_the_submission(runner: Runner, stack: Stack) -> None:
    step = submit(runner, stack, recipe_in(runner, "recipes/later", "sleep 600"), wait="false")

    assert step.code == 0, step
    assert step.outputs["status"] in {"Pending", "Running"}
    assert stack.cli("cancel", step.outputs["run"]).code == 0
    assert stack.wait(step.outputs["run"])["status"] == "Failed"


def test_published_data_are_replaced_only_if_requested(runner: Runner, stack: Stack) -> None:
    recipe = recipe_in(runner, "recipes/published", name="published by action", output="pvc")

    first, again, replaced = (
        submit(runner, stack, recipe, **more) for more in ({}, {}, {"overwrite": "true"})
    )

    assert (first.code, again.code, replaced.code) == (0, 1, 0)
    assert "overwrite" in again.annotations("error")[0].data


def test_a_cancelled_job_cancels_its_run(runner: Runner, stack: Stack) -> None:
    recipe = recipe_in(runner, "recipes/endless", "sleep 300")
    with runner.start(SUBMIT, recipe=recipe, api_url=stack.url) as process:
        name = wait_until(lambda: runner.outputs().get("run"))
        wait_until(lambda: stack.run(name)["status"] == "Running")
        step = runner.cancel(process)

    assert step.code == 130, step
    assert stack.wait(name)["status"] == "Failed"
    assert f"Run {name} was cancelled" in step.annotations("error")[0].data


def test_a_job_that_is_cancelled_while_it_submits_leaves_no_run_behind(
    runner: Runner, server: FileServer
) -> None:
    cancelled: list[str] = []

    def submitted(request: Request) -> Answer:
        process.send_signal(signal.SIGINT)
        return Answer(body=json.dumps({"recipe_workflow_name": "r-1", "message": "taken"}).encode())

    def cancel(request: Request) -> Answer:
        cancelled.append("r-1")
        return Answer(body=b'{"name": "r-1", "status": "Failed"}')

    server.routes |= {"/api/submit": submitted, "/api/runs/r-1/cancel": cancel}
    recipe = recipe_in(runner, "recipes/w")
    with runner.start(SUBMIT, recipe=recipe, api_url=f"{server.url}/api") as process:
        step = runner.ended(process, timeout=300)

    assert step.code == 130, step
    assert cancelled == ["r-1"]


def test_the_token_is_sent_only_to_the_deployment(runner: Runner, server: FileServer) -> None:
    seen: list[str | None] = []

    def refuse(request: Request) -> Answer:
        seen.append(request.headers["Authorization"])
        return Answer(status=403, body=b'{"detail": "Not yours."}')

    server.routes["/api/submit"] = refuse
    step = runner.run(
        SUBMIT, recipe=recipe_in(runner, "recipes/w"), api_url=f"{server.url}/api", token="s3cret-token\n"
    )

    assert step.code == 1
    assert seen == ["Bearer s3cret-token"]
    assert "s3cret" not in step.log + step.summary
    assert "Not yours." in step.annotations("error")[0].data


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"wait": "yes"}, "wait: 'yes' cannot be used; give true or false."),
        ({"recipe": ""}, "recipe: is empty"),
        ({"api_url": ""}, "api-url: is empty"),
        ({"api_url": "host:80"}, "OGDC_API_URL='host:80'"),
        ({"token": "a\nb"}, "OGDC_TOKEN contains characters"),
    ],
)
def test_inputs_that_cannot_be_used_are_named(runner: Runner, given: dict[str, str], message: str) -> None:
    usual = {"recipe": recipe_in(runner, "recipes/w"), "api_url": "http://127.0.0.1:9"}
    step = runner.run(SUBMIT, **usual | given)

    assert step.code == 1
    assert message in step.annotations("error")[0].data


def test_the_installed_packages_suffice_for_all_commands_of_the_action(tmp_path: Path, stack: Stack) -> None:
    runner = Runner(tmp_path)
    packages = tmp_path / "packages"
    packages.mkdir()
    listed = set(
        re.findall(r"^([\w-]+)==(?!.*win32)", (ROOT / "requirements/cli.txt").read_text(), re.MULTILINE)
    )
    for name in listed:
        for top in {file.parts[0] for file in distribution(name).files or () if file.parts[0] != ".."}:
            (packages / top).symlink_to(distribution(name).locate_file(top))
    for source in ("cli/ogdc_cli", "cli/ogdc_local", "shared/ogdc_shared"):
        (packages / Path(source).name).symlink_to(ROOT / source)
    runner.take_program(
        f'-I -S -c \'import sys; sys.path.insert(0, "{packages}"); '
        "from ogdc_cli.__main__ import main; main()'"
    )
    assert not {"boto3", "flask", "hera", "psycopg"} & listed
    assert submit(runner, stack, recipe_in(runner, "recipes/words")).code == 0


def test_the_action_installs_what_is_listed_by_its_digest(tmp_path: Path) -> None:
    """With a Python that only tells what it is to do; `test_the_action_installs_…` has a real one."""
    calls = tmp_path / "calls"
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\necho "$*" >> "{calls}"\n'
        '[ "$3" != venv ] || { mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; }\n'
    )
    python.chmod(0o755)
    runner = Runner(tmp_path, python=str(python))
    for _ in range(2):  # as a job does that uses the action twice
        calls.unlink(missing_ok=True)
        assert runner.run("Install ogdc-runner").code == 0
        made, listed, own = calls.read_text().splitlines()
        assert made == f"-I -m venv {runner.temp}/ogdc-runner"
        assert listed.endswith(
            f" --require-hashes --only-binary :all: --requirement {ROOT}/requirements/cli.txt"
        )
        assert own.endswith(f" --no-deps --no-index --no-build-isolation {ROOT}")
        assert {line.startswith("-I -m pip install ") for line in (listed, own)} == {True}


@pytest.mark.slow
@pytest.mark.skipif(not THOROUGH, reason="takes packages from their index; THOROUGH=1 does")
def test_the_requirements_of_the_action_are_complete_and_minimal(tmp_path: Path, stack: Stack) -> None:
    runner = Runner(tmp_path)
    (runner.workspace / "pip.py").write_text("raise SystemExit('the repository was imported')")

    installed = runner.run("Install ogdc-runner", timeout=300)
    assert installed.code == 0, installed
    listed = subprocess.run(
        [str(runner.temp / "ogdc-runner/bin/python"), "-I", "-m", "pip", "list", "--format=json"],
        capture_output=True,
        check=True,
    )
    assert not {"boto3", "flask", "hera", "psycopg"} & {each["name"] for each in json.loads(listed.stdout)}
    assert submit(runner, stack, recipe_in(runner, "recipes/words")).code == 0
    assert (
        runner.run("Install ogdc-runner", timeout=300).code == 0
    )  # as a job does that uses the action twice


def test_every_input_is_passed_on() -> None:
    [step] = [step for step in ACTION["runs"]["steps"] if step.get("name") == SUBMIT]
    passed = " ".join(step["env"].values())

    assert all(f"${{{{ inputs.{name} }}}}" in passed for name in ACTION["inputs"])
