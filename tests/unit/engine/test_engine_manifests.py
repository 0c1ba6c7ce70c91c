from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ogdc_local.engine.conversion import ManifestError
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.program import Backoff
from ogdc_shared.config import Settings
from ogdc_shared.errors import InvalidRequestError
from support.engine import CLAIM, fan_out, file_artifact, mount, shell, task, workflow

GOLDEN = sorted((Path(__file__).parents[2] / "golden/workflows").glob("*.yaml"))


def read(manifest):
    return read_program(manifest, claims={CLAIM})


def example() -> dict:
    return workflow(
        "w",
        tasks=[fan_out("process", 2), task("publish", depends="process")],
        templates=[
            shell(
                "process",
                "true",
                partitioned=True,
                mounts=[
                    mount("/tmp", volume="scratch"),
                    mount("/in", part="{{inputs.parameters.partition}}/in"),
                ],
                artifacts=[file_artifact("plan", path="/ogdc/plan.json", key="runs/w/plan.json")],
                retryStrategy={
                    "limit": "3",
                    "retryPolicy": "Always",
                    "backoff": {"duration": "10s", "factor": "2"},
                },
            ),
            shell(
                "publish", "true", outputs={"artifacts": [file_artifact("z", path="/tmp/z", key="runs/w/z")]}
            ),
        ],
        activeDeadlineSeconds=60,
        parallelism=4,
        ttlStrategy={"secondsAfterCompletion": 9, "secondsAfterSuccess": 5},
    )


FOR_CLUSTERS = [path for path in GOLDEN if "initContainers" in path.read_text()]
"""On one machine logins are there without a container of their own (see `ogdc_local.stack.private`)."""


@pytest.mark.parametrize(
    "path", [path for path in GOLDEN if path not in FOR_CLUSTERS], ids=lambda path: path.stem
)
def test_every_manifest_of_the_compiler_is_understood(path: Path) -> None:
    manifest = yaml.safe_load(path.read_text())
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in manifest["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    } | {Settings().worker.volume_claim}
    program = read_program(manifest, claims=claims)
    written = next(
        template["dag"]["tasks"] for template in manifest["spec"]["templates"] if "dag" in template
    )
    found = [task.name for task in program.tasks]
    assert found == [task["name"] for task in written]
    assert {"process", "publish"} <= {*found}


def test_the_compiled_manifests_are_found() -> None:
    assert len(GOLDEN) > len(FOR_CLUSTERS)


@pytest.mark.parametrize("path", FOR_CLUSTERS, ids=lambda path: path.stem)
def test_a_container_with_credentials_is_only_for_clusters(path: Path) -> None:
    with pytest.raises(ManifestError, match=r"initContainers is not supported"):
        read(yaml.safe_load(path.read_text()))


def test_a_manifest_is_read_whole() -> None:
    program = read(example())
    process = program.templates["process"]
    assert (program.name, program.parallelism, program.deadline, program.ttl) == ("w", 4, 60, (5, 9))
    assert program.claims == {"workflow": CLAIM, "scratch": None}
    assert program.tasks[0].sequence == ("0", "2")
    assert program.tasks[1].dependencies == ("process",)
    assert process.parameters == ("partition",)
    assert process.retry is not None
    assert process.retry[:3] == (3, "Always", False)
    assert process.retry.backoff == Backoff(duration=10.0, factor=2)
    assert [process.retry.backoff.before(n) for n in (1, 2, 3)] == [10, 20, 40]
    assert process.mounts[1].sub_path == "{{inputs.parameters.partition}}/in"


def put(path: str, value: object):
    """Change one field of the example, by a path such as `spec.templates.1.container.args`."""

    def change(manifest: dict) -> None:
        *above, last = path.split(".")
        place = manifest
        for key in above:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[int(last) if isinstance(place, list) else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("kind", "CronWorkflow", "kind: expected Workflow"),
        ("metadata.name", "Upper", "metadata.name: 'Upper' is not a DNS label"),
        ("metadata.generateName", "w-", "metadata.generateName is not supported"),
        ("spec.hooks", {}, "spec.hooks is not supported by the engine of the local stack"),
        ("spec.templates", {}, "spec.templates: expected a list"),
        ("spec.parallelism", "many", "spec.parallelism: expected a whole number"),
        ("spec.activeDeadlineSeconds", -1, "spec.activeDeadlineSeconds: expected a whole number"),
        ("spec.entrypoint", "process", "spec.entrypoint: 'process' is not the name of a DAG template"),
        ("spec.volumes.0.persistentVolumeClaim.claimName", "other", "there is no claim 'other'"),
        ("spec.volumes.0.hostPath", {"path": "/"}, "spec.volumes[0].hostPath is not supported"),
        ("spec.templates.1.script", {}, "spec.templates[1].script is not supported"),
        ("spec.templates.1.name", "main", "two templates are named 'main'"),
        (
            "spec.templates.1.container.args",
            ["{{workflow.parameters.x}}"],
            "{{workflow.parameters.x}} is not",
        ),
        ("spec.templates.1.container.command", None, "container.command: missing"),
        ("spec.templates.1.container.lifecycle", {}, "container.lifecycle is not supported"),
        ("spec.templates.1.container.volumeMounts.0.name", "x", "spec.volumes has no 'x'"),
        ("spec.templates.1.container.volumeMounts.0.mountPath", "tmp", "'tmp' is not an absolute path"),
        ("spec.templates.1.container.volumeMounts.1.subPath", "../x", "'../x' leads out of the volume"),
        (
            "spec.templates.1.inputs.artifacts.0.s3.key",
            "../../etc/passwd",
            "cannot be the key of an artifact",
        ),
        ("spec.templates.1.inputs.artifacts.0.path", "/../x", "is not an absolute path"),
        ("spec.templates.1.inputs.artifacts.0.s3.bucket", "b", "s3.bucket is not supported"),
        ("spec.templates.1.retryStrategy.expression", "true", "only the compiler's own expression"),
        ("spec.templates.1.retryStrategy.retryPolicy", "Sometimes", "'Sometimes' is not one of"),
        ("spec.templates.1.retryStrategy.backoff.duration", "soon", "expected a time such as 10s"),
        ("spec.templates.2.outputs.artifacts.0.archive", None, "output artifacts are kept as they are"),
        ("spec.templates.2.outputs.artifacts.0.path", "/etc/passwd", "is on no volume of the container"),
        ("spec.templates.0.dag.tasks.0.template", "x", "'x' is not the name of a container template"),
        ("spec.templates.0.dag.tasks.0.arguments", None, "template 'process' needs partition"),
        ("spec.templates.0.dag.tasks.0.when", "1 == 2", "dag.tasks[0].when is not supported"),
        ("spec.templates.0.dag.tasks.0.withSequence.count", "{{item}}", "{{item}} is not supported"),
        ("spec.templates.0.dag.tasks.1.depends", "process.Failed", "only names of tasks joined by &&"),
        ("spec.templates.0.dag.tasks.1.depends", "nobody", "there is no task 'nobody'"),
        ("spec.templates.0.dag.tasks.0.depends", "publish", "tasks wait for each other"),
        (
            "spec.templates.0.dag.tasks.1.withParam",
            "{{tasks.other.outputs.parameters.x}}",
            "is not supported",
        ),
    ],
)
def test_what_the_engine_does_not_offer_is_refused_by_name(path: str, value: object, message: str) -> None:
    manifest = copy.deepcopy(example())
    put(path, value)(manifest)
    with pytest.raises(InvalidRequestError) as caught:
        read(manifest)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "manifest", [None, [], "x", {"metadata": []}, {"metadata": {"name": "w"}, "spec": 3}]
)
def test_what_is_no_workflow_is_refused(manifest: object) -> None:
    with pytest.raises(ManifestError):
        read(manifest)


_AT_ONCE = """
import json, sys, threading
sys.setswitchinterval(1e-6)
from ogdc_local.engine.conversion import read_workflow
manifest, barrier = json.load(sys.stdin), threading.Barrier(8)
def read():
    barrier.wait()
    read_workflow(manifest)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.slow
def test_the_first_manifests_of_a_process_may_come_at_once() -> None:
    [golden] = (path for path in GOLDEN if path.stem == "sequential-pvc")
    text = json.dumps(yaml.safe_load(golden.read_text()))
    done = subprocess.run(
        [sys.executable, "-c", _AT_ONCE], input=text, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
