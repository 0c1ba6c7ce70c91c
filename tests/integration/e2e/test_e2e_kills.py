"""kill -9 of any process at any time, while recipes are submitted and run.

OGDC_KILLS_SECONDS makes the disturbances last longer, OGDC_KILLS_SEED repeats its choices (not the
machine's), and OGDC_KILLS_DISK names a small disk for the stack, which is full every now and
then. `scripts/soak` sets all of it.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ogdc_local.stack.control import current
from ogdc_shared.argo.state import read_workflow
from ogdc_shared.layout import output_key, replaced, staging, workspace
from ogdc_shared.recipe.bundle import pack
from support.crates import outputs_alone
from support.effort import THOROUGH
from support.full_disk import Filler
from support.kills import Disturbances
from support.recipe_files import content
from support.recipes import inputs, make_recipe
from support.stack import TERMINAL, Response, Stack, request, wait_until
from support.trace import Execution, TraceServer

SECONDS = float(os.environ.get("OGDC_KILLS_SECONDS", "20" if THOROUGH else "6"))
SEED = int(os.environ.get("OGDC_KILLS_SEED", random.SystemRandom().randrange(10**6)))
DISK = os.environ.get("OGDC_KILLS_DISK")
MAX_LOG_LINES = 200 if SECONDS < 60 else 100_000
MAX_OPEN = 12
"""Runs that have not ended; with more, nothing is submitted."""
LATE_SECONDS = 1.0
"""How long after a kill a command may begin that is to end for it."""
DRAIN_SECONDS = 150.0 if SECONDS < 60 else 1200.0
"""Until everything has ended once nothing is killed any more; the sweep alone may wait for two minutes, and
each try of a task four times as long as the one before, up to ten minutes."""
FILES = {f"part-{number}.txt": f"{number} banana\n{number} apple\n" for number in range(3)}

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="kills the parts of bubblewrap")


class Kind(NamedTuple):
    """A kind of recipe: its commands (see `traced`; TOKEN stands for its token) and where its result goes."""

    commands: tuple[str, ...]
    output: str = "pvc"
    parallel: bool = False
    ends: str = "Succeeded"


KINDS = {
    "sequence": Kind(
        (
            "cat /input_dir/*.txt > /output_dir/all && mkdir /output_dir/d && cp /input_dir/* /output_dir/d",
            "sort /input_dir/all > /output_dir/sorted && cp -r /input_dir/d /output_dir/.d",
            "cp -r /input_dir/. /output_dir/ && wc -l < /input_dir/sorted > /output_dir/count",
        )
    ),
    "zip": Kind(
        ("sort -r /input_dir/*.txt > /output_dir/a", "cp /input_dir/a /output_dir/b"), output="temporary"
    ),
    "parallel": Kind(
        ("tr a-z A-Z < $INPUT_FILE > $OUTPUT_FILE", "sort $INPUT_FILE > $OUTPUT_FILE"), parallel=True
    ),
    "failing": Kind(("true", "exit 3"), ends="Failed"),
    "renewed": Kind(
        ("cp /input_dir/* /output_dir/", "cp /input_dir/* /output_dir/ && echo TOKEN > /output_dir/v")
    ),
}
ONCE = KINDS.keys() - {"renewed"}
"""The kinds that are published once."""


class Submission(NamedTuple):
    """A recipe that is submitted once, if by several requests."""

    recipe_id: str
    kind: str
    directory: Path
    token: str
    """Of its executions in the trace."""
    overwrite: bool = False


class Scene:
    """A stack and those who use it."""

    def __init__(self, stack: Stack, trace: TraceServer, directory: Path) -> None:
        self.stack = stack
        self.trace = trace
        self.disturbances = Disturbances(stack, seed=SEED, most_pod_kills=1 if SECONDS < 60 else 3)
        self.filler = None if DISK is None else Filler(Path(DISK), seed=SEED)
        self.submissions: list[Submission] = []
        self.answered: dict[str, set[str]] = {}
        """Recipe id → names of runs that were answered."""
        self.calm = threading.Event()
        """Set once nothing is killed any more."""
        self.over = threading.Event()
        """Set once nobody submits any more."""
        self.open = 0
        """How many runs have not ended, when they were last looked at."""
        self._directory = directory

    def submission(self, kind: str, recipe_id: str, *, version: int | None = None) -> Submission:
        """Write a recipe, which has one version or many that replace each other."""
        recipe = KINDS[kind]
        token = recipe_id if version is None else f"{recipe_id}-{version}"
        commands = [
            self.trace.traced(command.replace("TOKEN", token), token=token, number=number, seconds=0.3)
            for number, command in enumerate(recipe.commands, 1)
        ]
        parallel = {"enabled": True, "partition_strategy": "files", "partition_size": 2}
        directory = make_recipe(
            self._directory / token,
            name=recipe_id,
            workflow={"type": "shell", "retries": 20} | ({"parallel": parallel} if recipe.parallel else {}),
            input=inputs(*({"type": "file", "path": name} for name in FILES)),
            output={"type": recipe.output},
            files=FILES | {"recipe.sh": "\n".join(commands) + "\n"},
        )
        made = Submission(recipe_id, kind, directory, token, overwrite=version is not None)
        self.submissions.append(made)
        return made

    # --- those who submit -----------------------------------------------------------------------------------

    def submit_by_http(self, submission: Submission, *, at_once: int = 1) -> str:
        """Submit with a key, from so many threads at once, until each is answered; returns the run's name."""
        key, bundle = str(uuid.uuid4()), pack(submission.directory)
        path = f"/submit?overwrite={str(submission.overwrite).lower()}"
        headers = {"Content-Type": "application/gzip", "Idempotency-Key": key}

        def insist(_: int) -> str:
            reply = self.insist("POST", path, body=bundle, headers=headers)
            name: str = reply.body["recipe_workflow_name"]
            self._answered(submission, name)
            return name

        with ThreadPoolExecutor(at_once) as pool:
            [name] = set(pool.map(insist, range(at_once)))
        return name

    def renew(self) -> dict[str, Submission]:
        """Publish version after version of one recipe, each over the one before; returns them by run."""
        versions: dict[str, Submission] = {}
        while not self.calm.is_set():
            submission = self.submission("renewed", "renewed", version=len(versions))
            name = self.submit_by_http(submission)
            versions[name] = submission
            while self.insist("GET", f"/runs/{name}").body["status"] not in TERMINAL:
                time.sleep(0.2)
        return versions

    def submit_by_cli(self, submission: Submission, command: str) -> None:
        """Submit with the command line, which may be killed, or find nobody there."""
        client = self.stack.start_cli(command, "--json", str(submission.directory))
        self.disturbances.clients.append(client)
        out, err = client.communicate(timeout=SECONDS + DRAIN_SECONDS)
        assert "Traceback" not in err, err
        if client.returncode == 0:
            self._answered(submission, json.loads(out)["name"])

    def insist(self, method: str, path: str, **request_of: Any) -> Response:
        """Repeat a request until it is answered, as often as nobody or 503 answers."""
        deadline = time.monotonic() + SECONDS + DRAIN_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException, ValueError):
                stack = current(self.stack.paths)
                if stack is not None:
                    reply = request(method, stack.url + path, **request_of)
                    assert reply.status in {200, 503}, reply
                    if reply.status == 200:
                        return reply
            time.sleep(0.1)
        raise AssertionError(f"{method} {path} was never answered")

    def watch(self) -> None:
        """Read the runs over and over: what was answered stays, and what has ended stays as it is."""
        ended: dict[str, str] = {}
        while not self.over.wait(0.2):
            expected = {name for names in list(self.answered.values()) for name in set(names)}
            seen = self.runs()
            self.open = sum(run["status"] not in TERMINAL for run in seen.values())
            assert expected <= seen.keys()
            assert ended.items() <= {name: run["status"] for name, run in seen.items()}.items()
            ended |= {name: run["status"] for name, run in seen.items() if run["status"] in TERMINAL}

    def runs(self) -> dict[str, dict[str, Any]]:
        """All runs by name."""
        found: dict[str, dict[str, Any]] = {}
        page = {"next": ""}
        while page["next"] is not None:
            page = self.insist("GET", f"/runs?limit=200&before={page['next']}").body
            found |= {run["name"]: run for run in page["runs"]}
        return found

    def _answered(self, submission: Submission, name: str) -> None:
        self.answered.setdefault(submission.recipe_id, set()).add(name)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Up, with an undisturbed run of each kind."""
    print(f"OGDC_KILLS_SEED={SEED}")
    with ExitStack() as parts:
        root = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="ogdc-kills-", dir=DISK)))
        trace = parts.enter_context(TraceServer())
        stack = parts.enter_context(Stack(root))
        scene = Scene(stack, trace, tmp_path)
        with ThreadPoolExecutor() as pool:
            calm = [scene.submission(kind, f"calm-{kind}") for kind in ONCE]
            list(pool.map(scene.submit_by_http, calm))
        for name in scene.runs():
            stack.wait(name)
        yield scene
        print("".join(stack.paths.stack_log.read_text().splitlines(keepends=True)[-MAX_LOG_LINES:]))


def test_random_kills_lose_repeat_and_falsify_nothing(scene: Scene) -> None:
    submissions, versions = submit_amid_disturbances(scene)
    wait_until(lambda: all(run["status"] in TERMINAL for run in scene.runs().values()), seconds=DRAIN_SECONDS)
    runs = by_recipe(scene)
    for submission in submissions:
        check_runs(scene, submission, runs.get(submission.recipe_id, []))
        check_executions(scene, submission)
    check_versions(scene, versions)
    for name in scene.runs():
        check_record(scene, name)
    check_nothing_is_left(scene)


def submit_amid_disturbances(scene: Scene) -> tuple[list[Submission], dict[str, Submission]]:
    """Have clients submit all the while, and return once each has its answer or is dead.

    Returns:
        The recipes with one version, and by run the versions of the one with many.
    """
    with ThreadPoolExecutor(64) as pool:
        watching, renewing = pool.submit(scene.watch), pool.submit(scene.renew)
        disturbing = pool.submit(scene.disturbances.make, SECONDS)
        full = pool.submit(scene.filler.make, SECONDS) if scene.filler else None
        try:
            clients = list(started_clients(scene, pool))
            disturbing.result()
            if full is not None:
                full.result()
            scene.calm.set()
            scene.stack.up()
            for client in clients:
                client.result()
            versions = renewing.result()
        finally:
            scene.calm.set()
            scene.over.set()
        watching.result()
    return [submission for submission in scene.submissions if submission.kind != "renewed"], versions


def started_clients(scene: Scene, pool: ThreadPoolExecutor) -> Iterator[Future[Any]]:
    """Submit recipes of any kind in any way, about one a second, while not too many are under way."""
    chance = random.Random(SEED + 1)
    deadline = time.monotonic() + SECONDS
    for number in range(int(SECONDS)):
        while scene.open >= MAX_OPEN and time.monotonic() < deadline:
            time.sleep(0.1)
        if time.monotonic() >= deadline:
            return
        kind = chance.choice(sorted(ONCE))
        submission = scene.submission(kind, f"{kind}-{number}")
        how = chance.choice(["http", "http", "http twice", "submit", "run"])
        if how.startswith("http"):
            yield pool.submit(scene.submit_by_http, submission, at_once=1 + how.endswith("twice"))
        else:
            yield pool.submit(scene.submit_by_cli, submission, how)
        time.sleep(chance.random())


def by_recipe(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """All runs by recipe id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for run in scene.runs().values():
        found.setdefault(run["recipe_id"], []).append(run)
    return found


def check_runs(scene: Scene, submission: Submission, runs: list[dict[str, Any]]) -> None:
    """One run for one submission, at most, which ended as it should and left what it should."""
    answered = scene.answered.get(submission.recipe_id, set())
    assert len(runs) <= 1, runs
    assert answered <= {run["name"] for run in runs}
    for run in runs:
        assert may_end_so(scene, run, KINDS[submission.kind].ends), json.dumps(run, indent=1)
        wanted = result_of(scene, f"calm-{submission.kind}") if run["status"] == "Succeeded" else None
        assert result_of(scene, submission.recipe_id) == wanted, run
        if wanted is not None and KINDS[submission.kind].output == "pvc":
            assert not (scene.stack.paths.volume / workspace(run["name"])).exists()


def may_end_so(scene: Scene, run: dict[str, Any], ends: str) -> bool:
    """Whether a run ended as its recipe does, or for what was done to it, and says so."""
    if run["status"] == "Failed":
        why = run["message"]
        killed = scene.disturbances.killed_command_of(run["name"]) and "exit code 137" in why
        return killed or is_for_want_of_room(scene, why) or (ends == "Failed" and "exit code 3" in why)
    return bool(run["status"] == ends)


def is_for_want_of_room(scene: Scene, why: str) -> bool:
    """Whether the disk was full, and a message says so."""
    full = "o room is left" in why or "No space left" in why
    return full and scene.filler is not None and scene.filler.times > 0


def check_versions(scene: Scene, versions: dict[str, Submission]) -> None:
    """What is published is the last version that succeeded, whole."""
    runs = scene.runs()
    assert {name for name, run in runs.items() if run["recipe_id"] == "renewed"} == versions.keys()
    for name, submission in versions.items():
        assert may_end_so(scene, runs[name], "Succeeded"), runs[name]
        check_executions(scene, submission)
    tokens = [versions[name].token for name in versions if runs[name]["status"] == "Succeeded"]
    texts = FILES | {"v": f"{tokens[-1]}\n"} if tokens else {}
    wanted = {name: text.encode() for name, text in texts.items()} or None
    assert result_of(scene, "renewed") == wanted


def result_of(scene: Scene, recipe_id: str) -> dict[str, bytes] | None:
    """What a recipe has published, by path; None: nothing."""
    published = scene.stack.paths.volume / recipe_id
    if published.exists():
        return outputs_alone(content(published))
    for run in by_recipe(scene).get(recipe_id, []):
        archive = scene.stack.paths.artifacts / output_key(run["name"], recipe_id)
        if archive.exists():
            with zipfile.ZipFile(archive) as file:
                return outputs_alone({name: file.read(name) for name in file.namelist() if name[-1] != "/"})
    return None


def check_executions(scene: Scene, submission: Submission) -> None:
    """Commands ran in order, never two of a file at once, and again only for a kill in between."""
    executions = scene.trace.executions(submission.token)
    for file in {execution.file for execution in executions}:
        own = [execution for execution in executions if execution.file == file]
        for earlier, later in pairwise(own):
            assert not overlap(earlier, later), (earlier, later)
            assert earlier.number <= later.number, f"{earlier} had finished before {later}"
            if earlier.number == later.number:
                since = earlier.started - LATE_SECONDS
                assert any(since <= each.time <= later.started for each in scene.disturbances.kills), (
                    f"{earlier}, and again {later}"
                )


def overlap(earlier: Execution, later: Execution) -> bool:
    """Whether both were there at once; the server may hear of an end some milliseconds late."""
    return earlier.gone is None or earlier.gone > later.started + 0.5


def check_record(scene: Scene, name: str) -> None:
    """PostgreSQL says of a run what the engine says."""
    workflow = json.loads(scene.stack.manifest(name))
    state = read_workflow(workflow)
    recorded = wait_until(lambda: run if agree(run := scene.stack.run(name), state) else None, seconds=60)
    assert recorded["message"] == state.message
    finished = [event for event in events(scene, name) if event["event"] != "command_failed"]
    for file in {event.get("file") for event in finished}:
        ended: set[int] = set()
        for event in sorted((e for e in finished if e.get("file") == file), key=lambda e: str(e["time"])):
            if event["event"] == "command_started":
                assert event["number"] not in ended, f"{event} in {name} had finished"
            elif event["event"] == "command_finished":
                ended.add(event["number"])


def agree(run: dict[str, Any], state: Any) -> bool:
    """Whether a run as the API tells of it has the phases of a workflow."""
    tasks = {task["name"]: task["phase"] for task in run["tasks"]}
    return (run["status"], tasks) == (state.phase, {task.name: task.phase for task in state.tasks})


def events(scene: Scene, name: str) -> list[dict[str, Any]]:
    """What the worker has logged of a run's commands."""
    found = []
    for log in (scene.stack.paths.logs / name).glob("*.log"):
        for line in log.read_text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
    return [event for event in found if str(event.get("event")).startswith("command_")]


def check_nothing_is_left(scene: Scene) -> None:
    """After `down` there is no process, no command and nothing half published."""
    assert scene.stack.cli("down").code == 0
    wait_until(lambda: not scene.trace.running(), seconds=60)
    assert scene.stack.processes() == []
    volume = scene.stack.paths.volume
    for place in (staging, replaced):
        assert list((volume / place("x")).parent.glob("*")) == []
