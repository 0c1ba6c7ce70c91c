"""Test data for the functions: recorded runs, workflows as reported by Argo, recipes to submit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.load import write_posts
from benchmarks.memory import memory_directory
from benchmarks.site import NAMESPACE
from ogdc_shared.argo.state import TaskState, WorkflowState
from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.runs import get_run
from ogdc_shared.db.submissions import NewRun, record_submission
from ogdc_shared.db.users import ensure_user
from ogdc_shared.db.workflow_state import record_state
from ogdc_shared.recipe.bundle import pack
from ogdc_shared.workflow.names import workflow_name

BUNDLE_HEADERS = {"Content-Type": "application/gzip"}
_NOW = datetime.now(UTC)
_NUMBERS = count()

_META = """\
name: Benchmark {number}
workflow:
  type: shell
input:
  params:
    - type: file
      path: data/numbers.txt
output:
  type: {output}
"""
_COMMANDS = """\
# Four commands that take no time to speak of
cp /input_dir/numbers.txt /output_dir/numbers.txt
sort -n /input_dir/numbers.txt > /output_dir/sorted.txt
uniq /input_dir/sorted.txt > /output_dir/unique.txt
wc -l /input_dir/unique.txt > /output_dir/count.txt
"""


def record_run(database: Database, *, tasks: int) -> str:
    """Record a run that has succeeded, and return its name."""
    name = submit_run(database)
    with database.transaction() as conn:
        record_state(conn, _succeeded(name, tasks=tasks))
    return name


def submit_run(database: Database) -> str:
    """Record a run that Argo does not know of yet, and return its name."""
    recipe_id = f"recorded-{next(_NUMBERS)}"
    name = workflow_name(recipe_id)
    with database.transaction() as conn:
        new = NewRun(
            name=name,
            recipe_id=recipe_id,
            recipe_name=recipe_id,
            recipe_path=None,
            snapshot="0" * 64,
            output_type="pvc",
            overwrite=False,
            partitions=1,
            manifest={"metadata": {"name": name}},
            submitted_by=ensure_user(conn, "benchmark").id,
        )
        record_submission(conn, new)
    return name


def fill_runs(settings: DatabaseSettings, number: int) -> None:
    """Record so many runs besides one that has succeeded: of 200 recipes by 50 users, a minute apart."""
    # No connection of the service's, which gives up after some seconds.
    with psycopg.connect(host=settings.host, dbname=settings.name, user=settings.user) as conn:
        for statement in _FILL.split(";"):
            conn.execute(statement, {"number": number})


_FILL = """
INSERT INTO users (issuer, name) SELECT 'open', 'user-' || n FROM generate_series(0, 49) AS n;
INSERT INTO recipes (id, name) SELECT 'r-' || n, 'Recipe ' || n FROM generate_series(0, 199) AS n;
INSERT INTO runs (
    name, recipe_id, snapshot, output_type, overwrite, partitions, submitted_by,
    submitted_at, handed_over_at, heard_at, started_at, finished_at,
    manifest, phase, message, progress, task_counts, partition_counts
)
SELECT 'r-' || n %% 200 || '-' || n, 'r-' || n %% 200, repeat('0', 64), 'temporary', false, 8, users.id,
    at, at, at, at, at + interval '5 minutes',
    '{}', CASE WHEN n %% 20 = 0 THEN 'Failed' WHEN n > %(number)s - 5 THEN 'Running' ELSE 'Succeeded' END,
    CASE WHEN n %% 20 = 0 THEN 'command 2 of 4 failed with exit code 1' END,
    '9/9', '{"Succeeded": 9}', '{"Succeeded": 8}'
FROM generate_series(1, %(number)s) AS n
CROSS JOIN LATERAL (SELECT now() - (%(number)s - n) * interval '1 minute') AS times (at)
JOIN users ON users.name = 'user-' || n %% 50;
ANALYZE runs
"""


def record_phases(database: Database, name: str, phase: str, phases: Sequence[str]) -> None:
    """Record that a run is in a phase, and the tasks of its partitions in these."""
    tasks = tuple(_task(name, number)._replace(phase=each) for number, each in enumerate(phases))
    finished = None if phase == "Running" else datetime.now(UTC)
    state = _succeeded(name, tasks=0)._replace(phase=phase, finished_at=finished, progress=None, tasks=tasks)
    with database.transaction() as conn:
        run = get_run(conn, name)
        state = state._replace(uid=run.workflow_uid or state.uid, resource_version=run.resource_version + 1)
        if record_state(conn, state).after is None:
            raise RuntimeError(f"{name}: the state was not recorded")


def workflow_event(workflow: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Make the headers and the body of an event that an ApiServerSource sends about a workflow."""
    name = workflow["metadata"]["name"]
    headers = {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(uuid.uuid4()),
        "ce-source": "https://10.96.0.1:443",
        "ce-type": "dev.knative.apiserver.resource.update",
        "ce-subject": f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows/{name}",
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-apiversion": "argoproj.io/v1alpha1",
        "ce-kind": "Workflow",
        "ce-name": name,
        "ce-namespace": NAMESPACE,
    }
    return headers, json.dumps(workflow, separators=(",", ":")).encode()


def write_recipe(directory: Path, *, number: int = 0, output: str = "pvc", commands: str = _COMMANDS) -> Path:
    """Write a small recipe, under a name that bears `number`, and return its directory."""
    (directory / "data").mkdir(parents=True, exist_ok=True)
    (directory / "meta.yml").write_text(_META.format(number=number, output=output))
    (directory / "recipe.sh").write_text(commands)
    (directory / "data/numbers.txt").write_text("".join(f"{7 * n % 100}\n" for n in range(1000)))
    return directory


def make_bundle() -> bytes:
    """Pack a recipe that has not been submitted before."""
    with memory_directory() as scratch:
        return pack(write_recipe(Path(scratch), number=next(_NUMBERS)))


def write_submissions(directory: Path, *, number: int) -> Path:
    """Write so many submissions of recipes, none submitted before; return `directory`."""
    return write_posts(directory, "/submit", ((BUNDLE_HEADERS, make_bundle()) for _ in range(number)))


def _succeeded(name: str, *, tasks: int) -> WorkflowState:
    return WorkflowState(
        name=name,
        namespace=NAMESPACE,
        uid=str(uuid.uuid4()),
        resource_version=1,
        phase="Succeeded",
        message=None,
        progress=f"{tasks}/{tasks}",
        started_at=_NOW,
        finished_at=_NOW,
        tasks=tuple(_task(name, number) for number in range(tasks)),
    )


def _task(name: str, number: int) -> TaskState:
    return TaskState(
        node_id=f"{name}-{number}",
        name=f"process({number}:{number})",
        template="process",
        partition=number,
        phase="Succeeded",
        message=None,
        progress="4/4",
        exit_code=0,
        started_at=_NOW,
        finished_at=_NOW,
    )
