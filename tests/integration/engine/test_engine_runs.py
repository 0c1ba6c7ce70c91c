from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from ogdc_local.engine.records import Changes
from ogdc_local.engine.store import Store
from ogdc_shared.argo.retry import RETRY_EXPRESSION
from ogdc_shared.argo.state import read_workflow
from support.engine import Machine, fan_out, file_artifact, mount, nodes, phases, shell, task, workflow
from support.trees import plant


@pytest.fixture
def machine(tmp_path: Path):
    with Machine(tmp_path) as machine:
        yield machine


def test_tasks_run_in_the_order_of_their_dependencies(machine: Machine) -> None:
    append = [mount("/mnt/workflow")]
    machine.create(
        workflow(
            "order",
            tasks=[
                task("last", dependencies=["middle", "first"]),
                task("middle", depends="first"),
                task("first"),
            ],
            templates=[
                shell(name, f"echo {name} >> /mnt/workflow/order.txt", mounts=append)
                for name in ("first", "middle", "last")
            ],
        )
    )
    found = machine.wait("order")
    assert found["status"]["phase"] == "Succeeded"
    assert (machine.volume / "order.txt").read_text().split() == ["first", "middle", "last"]
    assert found["status"]["progress"] == "3/3"


def test_each_partition_sees_its_own_part_of_the_volume(machine: Machine) -> None:
    part = "runs/{{inputs.parameters.partition}}"
    machine.create(
        workflow(
            "parts",
            tasks=[fan_out("process", 3), task("publish", depends="process")],
            templates=[
                shell(
                    "process",
                    "echo $1 > /input_dir/number; ls -R /mnt/workflow > /mnt/workflow/seen",
                    partitioned=True,
                    mounts=[mount("/mnt/workflow", part=part), mount("/input_dir", part=f"{part}/input_dir")],
                ),
                shell(
                    "publish", "cat /mnt/workflow/runs/*/input_dir/number", mounts=[mount("/mnt/workflow")]
                ),
            ],
        )
    )
    found = machine.wait("parts")
    assert found["status"]["phase"] == "Succeeded"
    assert machine.log("parts") == ["0", "1", "2"]
    seen = (machine.volume / "runs/1/seen").read_text().split()
    assert seen == ["/mnt/workflow:", "input_dir", "seen", "/mnt/workflow/input_dir:", "number"]
    state = read_workflow(found)
    assert [(t.name, t.partition) for t in state.tasks if t.template == "process"] == [
        ("process(0:0)", 0),
        ("process(1:1)", 1),
        ("process(2:2)", 2),
    ]


def test_input_artifacts_are_files_and_unpacked_archives(machine: Machine) -> None:
    machine.artifacts.put("runs/a/plan.json", b'{"a": 1}')
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo("data/words.txt")
        entry.mode, entry.size = 0o600, 5
        tar.addfile(entry, io.BytesIO(b"words"))
    machine.artifacts.put("recipes/x.tar.gz", archive.getvalue())
    machine.create(
        workflow(
            "inputs",
            tasks=[task("read")],
            templates=[
                shell(
                    "read",
                    "cat /ogdc/plan.json; echo; cat /ogdc/recipe/data/words.txt; touch /ogdc/recipe/x",
                    artifacts=[
                        file_artifact("plan", path="/ogdc/plan.json", key="runs/a/plan.json"),
                        {"name": "recipe", "path": "/ogdc/recipe", "s3": {"key": "recipes/x.tar.gz"}},
                    ],
                )
            ],
        )
    )
    found = machine.wait("inputs")
    assert found["status"]["phase"] == "Failed", "inputs are read-only"
    assert machine.log("inputs")[:2] == [
        '{"a": 1}',
        "wordstouch: cannot touch '/ogdc/recipe/x': Read-only file system",
    ]


def test_a_missing_input_artifact_is_an_error_that_names_its_key(machine: Machine) -> None:
    read = shell("read", "true", artifacts=[file_artifact("p", path="/ogdc/p", key="runs/none/p.json")])
    machine.create(workflow("missing", tasks=[task("read")], templates=[read]))
    found = machine.wait("missing")
    assert found["status"]["phase"] == "Error"
    assert nodes(found)["read"]["message"] == "There is no artifact 'runs/none/p.json'."


def test_output_artifacts_and_parameters_are_kept(machine: Machine) -> None:
    count = shell(
        "count",
        "echo 2 > /tmp/names; printf zip > /tmp/out.zip",
        mounts=[mount("/tmp", volume="scratch")],
        outputs={
            "parameters": [
                {"name": "names", "valueFrom": {"path": "/tmp/names", "default": "0"}},
                {"name": "warnings", "valueFrom": {"path": "/tmp/none", "default": ""}},
            ],
            "artifacts": [file_artifact("zip", path="/tmp/out.zip", key="runs/o/out.zip")],
        },
    )
    each = task(
        "each",
        depends="count",
        withSequence={"count": "{{tasks.count.outputs.parameters.names}}"},
        arguments={"parameters": [{"name": "partition", "value": "{{item}}"}]},
    )
    manifest = workflow(
        "outputs",
        tasks=[task("count"), each],
        templates=[count, shell("each", "echo got $1", partitioned=True)],
    )
    machine.create(manifest)
    found = machine.wait("outputs")
    assert phases(found) == dict.fromkeys(["outputs", "count", "each", "each(0:0)", "each(1:1)"], "Succeeded")
    assert machine.artifacts.get("runs/o/out.zip") == b"zip"
    assert sorted(machine.log("outputs")) == ["got 0", "got 1"]
    assert nodes(found)["count"]["outputs"] == {
        "exitCode": "0",
        "parameters": [{"name": "names", "value": "2"}, {"name": "warnings", "value": ""}],
        "artifacts": [{"name": "zip", "path": "/tmp/out.zip", "s3": {"key": "runs/o/out.zip"}}],
    }


def test_each_file_of_a_directory_becomes_an_artifact(machine: Machine) -> None:
    make = shell(
        "make",
        "mkdir -p /tmp/out/deep; printf one > /tmp/out/1.json; printf two > /tmp/out/deep/2.json",
        outputs={"artifacts": [file_artifact("out", path="/tmp/out", key="runs/d/partitions")]},
    )
    machine.create(workflow("directory", tasks=[task("make")], templates=[make]))
    assert machine.wait("directory")["status"]["phase"] == "Succeeded"
    assert machine.artifacts.get("runs/d/partitions/1.json") == b"one"
    assert machine.artifacts.get("runs/d/partitions/deep/2.json") == b"two"


@pytest.mark.parametrize(
    ("path", "kept"), [("/tmp/out.zip", "/tmp/out.zip"), ("/tmp/out/x", "/tmp/out"), ("/tmp/out", "/tmp/out")]
)
def test_an_output_that_is_a_link_out_of_the_sandbox_is_not_followed(
    machine: Machine, tmp_path: Path, path: str, kept: str
) -> None:
    secret = tmp_path / "secret" / "x"
    plant(tmp_path, {"secret/x": b"secret"})
    steal = shell(
        "steal",
        f"mkdir -p $(dirname {path}); ln -s {secret if path != '/tmp/out' else secret.parent} {path}",
        outputs={"artifacts": [file_artifact("stolen", path=kept, key="runs/s/stolen")]},
    )
    machine.create(workflow("steal", tasks=[task("steal")], templates=[steal]))
    found = machine.wait("steal")
    assert found["status"]["phase"] == "Error"
    assert "not a regular file" in nodes(found)["steal"]["message"]
    assert not list((tmp_path / "artifacts").rglob("*"))


def test_a_directory_replaced_by_a_link_is_not_mounted(machine: Machine) -> None:
    swap = shell(
        "swap",
        "rmdir /mnt/workflow/input_dir; ln -s / /mnt/workflow/input_dir",
        mounts=[mount("/mnt/workflow", part="p")],
    )
    make = shell("make", "true", mounts=[mount("/input_dir", part="p/input_dir")])
    again = shell("again", "ls /input_dir", mounts=[mount("/input_dir", part="p/input_dir")])
    machine.create(
        workflow(
            "swap",
            tasks=[task("make"), task("swap", depends="make"), task("again", depends="swap")],
            templates=[make, swap, again],
        )
    )
    found = machine.wait("swap")
    assert phases(found)["swap"] == "Succeeded"
    assert phases(found)["again"] == "Error"
    assert machine.log("swap") == []


def test_a_failure_carries_the_exit_code_and_the_last_words(machine: Machine) -> None:
    machine.create(
        workflow(
            "fails",
            tasks=[task("process"), task("publish", depends="process")],
            templates=[
                shell("process", "printf 'command 3 of 4 failed' > /dev/termination-log; exit 7"),
                shell("publish", "true"),
            ],
        )
    )
    found = machine.wait("fails")
    assert found["status"]["phase"] == "Failed"
    assert nodes(found)["process"]["message"] == "main: Error (exit code 7): command 3 of 4 failed"
    assert nodes(found)["process"]["outputs"] == {"exitCode": "7"}
    assert phases(found)["publish"] == "Omitted"
    state = read_workflow(found)
    assert (state.message, state.tasks[0].exit_code) == ("command 3 of 4 failed", 7)


def test_temporary_failures_are_retried_and_permanent_ones_are_not(machine: Machine) -> None:
    strategy = {
        "limit": "2",
        "retryPolicy": "Always",
        "expression": RETRY_EXPRESSION,
        "backoff": {"duration": "100ms", "factor": "2"},
    }
    flaky = "cd /mnt/workflow; [ -e tried ] && exit $(cat tried); printf %s > tried; exit 75"
    volume = [mount("/mnt/workflow")]
    for name, second in {"flaky": "0", "broken": "1", "hopeless": "75"}.items():
        script = flaky.replace("%s", second)
        (machine.volume / "tried").unlink(missing_ok=True)
        templates = [shell("try", script, mounts=volume, retryStrategy=strategy)]
        machine.create(workflow(name, tasks=[task("try")], templates=templates))
        machine.wait(name)
    assert phases(machine.get("flaky")) == {
        "flaky": "Succeeded",
        "try": "Succeeded",
        "try(0)": "Failed",
        "try(1)": "Succeeded",
    }
    broken = machine.get("broken")
    assert set(phases(broken)) == {"broken", "try", "try(0)", "try(1)"}
    assert nodes(broken)["try"]["message"] == "retryStrategy.expression evaluated to false"
    hopeless = machine.get("hopeless")
    assert set(phases(hopeless)) == {"hopeless", "try", "try(0)", "try(1)", "try(2)"}
    assert nodes(hopeless)["try"]["message"] == "No more retries left"
    last_try = nodes(hopeless)["try"]["children"][-1]
    assert last_try == nodes(hopeless)["try(2)"]["id"]


def test_progress_is_reported_during_a_task_without_waiting_for_the_disk(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[bool, set[tuple[str, str | None]]]] = []
    save = Store.save

    def noted(store: Store, batch: Iterable[Changes], *, lasting: bool = True) -> None:
        changes = list(batch)
        saved.append((lasting, {(each.phase, each.progress) for change in changes for each in change.nodes}))
        save(store, changes, lasting=lasting)

    monkeypatch.setattr(Store, "save", noted)
    machine.create(
        workflow(
            "slow",
            tasks=[task("slow")],
            templates=[
                shell(
                    "slow",
                    "echo 1/4 > $ARGO_PROGRESS_FILE; while [ ! -e /mnt/workflow/go ]; do sleep 0.05; done",
                    mounts=[mount("/mnt/workflow")],
                )
            ],
        )
    )
    found = machine.wait_until("slow", lambda w: w["status"].get("progress") == "1/4")
    assert found["status"]["phase"] == "Running"
    (machine.volume / "go").touch()
    assert machine.wait("slow")["status"]["progress"] == "4/4"
    assert [nodes for lasting, nodes in saved if not lasting] == [{("Running", "1/4")}]


def counting(at_once: int) -> str:
    """A task that waits until so many run, as they may, and says how many do then."""
    return (
        f"cd /mnt/workflow; touch task-$1; until [ -e .met-{at_once} ]; do "
        f"[ $(ls | wc -l) -lt {at_once} ] || touch .met-{at_once}; sleep 0.02; done; "
        "sleep 0.1; ls | wc -l; rm task-$1"
    )


def test_parallelism_limits_a_workflow_and_slots_limit_all_workflows(tmp_path: Path) -> None:
    def most(machine: Machine, name: str, at_once: int, **spec: int) -> int:
        busy = mount("/mnt/workflow", part="busy")
        template = shell("process", counting(at_once), partitioned=True, mounts=[busy])
        machine.create(workflow(name, tasks=[fan_out("process", 6)], templates=[template], **spec))
        machine.wait(name)
        return max(map(int, machine.log(name)))

    with Machine(tmp_path, slots=3) as machine:
        assert most(machine, "two", 2, parallelism=2) == 2
        assert most(machine, "all", 3) == 3


def test_a_small_workflow_does_not_wait_for_a_big_one(tmp_path: Path) -> None:
    volume = [mount("/mnt/workflow")]
    script = "while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done; touch /mnt/workflow/done-$1"
    with Machine(tmp_path, slots=1) as machine:
        machine.create(
            workflow(
                "big",
                tasks=[fan_out("process", 40)],
                templates=[shell("process", script, partitioned=True, mounts=volume)],
            )
        )
        count = shell("count", "ls /mnt/workflow/done-* | wc -l", mounts=volume)
        machine.create(workflow("small", tasks=[task("count")], templates=[count]))
        (machine.volume / "go").touch()
        machine.wait("small")
        assert int(machine.log("small")[-1]) < 40


def test_short_tasks_do_not_wait_for_long_ones_of_another_workflow(tmp_path: Path) -> None:
    wait = "while [ ! -e /mnt/workflow/go-$1 ]; do sleep 0.02; done"
    volume = [mount("/mnt/workflow")]
    with Machine(tmp_path, slots=2) as machine:
        long = shell("process", f"touch /mnt/workflow/up-$1; {wait}", partitioned=True, mounts=volume)
        machine.create(workflow("long", tasks=[fan_out("process", 4)], templates=[long]))
        machine.wait_until(
            "long", lambda w: list(phases(w).values()).count("Running") == 4
        )  # with its parents
        machine.create(
            workflow(
                "short",
                tasks=[fan_out("process", 5)],
                templates=[shell("process", "true", partitioned=True)],
            )
        )
        (machine.volume / "go-0").touch()
        machine.wait("short")
        assert not (machine.volume / "up-3").exists()
        for number in (1, 2, 3):
            (machine.volume / f"go-{number}").touch()
        machine.wait("long")


def test_a_pod_sees_no_files_of_an_earlier_pod(tmp_path: Path) -> None:
    words = "/dev/termination-log"
    look = (  # below /tmp may be this Python as well
        "find /var/run/argo /scratch -mindepth 1; find /tmp -maxdepth 1 -name left; "
        f"cat {words}; echo $1 looked; "
    )
    leave = f"touch /tmp/left /var/run/argo/progress /scratch/left; echo words > {words}; chmod 0 /scratch"
    scratch = [mount("/scratch", volume="scratch")]
    with Machine(tmp_path, slots=1) as machine:
        templates = [shell("look", look + leave, partitioned=True, mounts=scratch)]
        machine.create(workflow("w", tasks=[fan_out("look", 4)], templates=templates))
        assert machine.wait("w")["status"]["phase"] == "Succeeded"
        assert machine.log("w") == [f"{number} looked" for number in range(4)]


def test_a_workflow_without_free_slots_is_pending(tmp_path: Path) -> None:
    with Machine(tmp_path, slots=1) as machine:
        wait = shell(
            "wait", "while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done", mounts=[mount("/mnt/workflow")]
        )
        machine.create(workflow("first", tasks=[task("wait")], templates=[wait]))
        machine.wait_until("first", lambda w: w["status"]["phase"] == "Running")
        machine.create(workflow("second", tasks=[task("wait")], templates=[wait]))
        time.sleep(0.1)
        assert machine.get("second")["status"]["phase"] == "Pending"
        (machine.volume / "go").touch()
        assert machine.wait("second")["status"]["phase"] == "Succeeded"


def test_fail_fast_starts_no_more_tasks_and_lets_running_ones_end(tmp_path: Path) -> None:
    with Machine(tmp_path, slots=2) as machine:
        script = "[ $1 = 1 ] && exit 1; while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done; echo done"
        process = shell("process", script, partitioned=True, mounts=[mount("/mnt/workflow")])
        machine.create(workflow("fast", tasks=[fan_out("process", 9)], templates=[process]))
        machine.wait_until("fast", lambda w: "Failed" in phases(w).values())
        (machine.volume / "go").touch()
        found = machine.wait("fast")
        assert phases(found) == {
            "fast": "Failed",
            "process": "Failed",
            "process(0:0)": "Succeeded",
            "process(1:1)": "Failed",
        }
        assert machine.log("fast") == ["done"]


def test_a_deadline_ends_a_workflow(machine: Machine) -> None:
    machine.create(
        workflow(
            "late",
            tasks=[task("sleep"), task("publish", depends="sleep")],
            templates=[shell("sleep", "sleep 60"), shell("publish", "true")],
            activeDeadlineSeconds=1,
        )
    )
    found = machine.wait("late")
    assert found["status"]["phase"] == "Failed"
    assert nodes(found)["sleep"]["message"] == "Step exceeded its deadline"
    assert "deadline of 1 s" in found["status"]["message"]


def test_without_pidfds_the_ends_of_tasks_are_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    with Machine(tmp_path) as machine:
        quick = shell("process", "echo $1", partitioned=True)
        machine.create(workflow("polled", tasks=[fan_out("process", 4)], templates=[quick]))
        assert machine.wait("polled")["status"]["phase"] == "Succeeded"


def test_an_expired_workflow_is_deleted_with_its_logs(machine: Machine, tmp_path: Path) -> None:
    script = "echo hi | tee /mnt/workflow/up; while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done"
    machine.create(
        workflow(
            "brief",
            tasks=[task("hello")],
            templates=[shell("hello", script, mounts=[mount("/mnt/workflow")])],
            ttlStrategy={"secondsAfterSuccess": 1},
        )
    )
    machine.wait_for_file(machine.volume / "up")
    assert (tmp_path / "logs/brief").is_dir()
    (machine.volume / "go").touch()
    deadline = time.monotonic() + 300
    while machine.call("GET", "/brief")[0] != 404 or (tmp_path / "logs/brief").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_tasks_of_root_run_as_nobody_and_own_what_they_may_write(machine: Machine) -> None:
    machine.create(
        workflow(
            "who",
            tasks=[task("who")],
            templates=[
                shell(
                    "who",
                    "id -u; id -G; grep -c '^Cap.*0000000000000000' /proc/self/status; "
                    "touch /in/x /tmp/x /dev/shm/x; "
                    "cat /etc/hosts > /dev/null && echo readable; ls /root /home 2>&1 | wc -l",
                    mounts=[mount("/in", part="a/b/c")],
                )
            ],
        )
    )
    assert machine.wait("who")["status"]["phase"] == "Succeeded", machine.log("who")
    assert machine.log("who")[:4] == ["65534", "65534", "5", "readable"]
    assert (machine.volume / "a/b").stat().st_uid == 65534
