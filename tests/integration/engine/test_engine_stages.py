"""Runs of several stages, by the real worker in the real sandbox: each takes what the one before left."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_shared.argo.state import read_workflow
from ogdc_shared.config import ArgoSettings, Settings, WorkerSettings
from ogdc_shared.digests import digest
from ogdc_shared.plan import Command, Division, InputFile, Partition, Partitioning, Plan
from ogdc_shared.workflow.build import RecipeFacts, Stage, build_workflow
from support.engine import CLAIM, NAMESPACE, Machine, nodes, phases
from support.trees import tree

SETTINGS = Settings(argo=ArgoSettings(namespace=NAMESPACE), worker=WorkerSettings(volume_claim=CLAIM))
NAME = "seals-aaaaaaaaaa"
SNAPSHOT = "0" * 64
SPLIT = (
    'd="$OUTPUT_DIR/$(basename "$INPUT_FILE" .txt)"; mkdir "$d"; '
    'for w in $(cat "$INPUT_FILE"); do echo $w > "$d/$w"; done'
)
UPPER = 'tr a-z A-Z < "$INPUT_FILE" > "$OUTPUT_FILE.$(basename "$(dirname "$(realpath "$INPUT_FILE")")")"'
INPUTS = {"a.txt": b"seal whale", "b.txt": b"bear fox owl"}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Machine(tmp_path) as machine:
        yield machine


def plan(*commands: str, **fields: object) -> Plan:
    lines = tuple(Command(text, line) for line, text in enumerate(commands, 1))
    return Plan("seals", lines, per_file=True)._replace(**fields)


def submit(machine: Machine, first: Plan, *later: Plan, output: str = "pvc") -> None:
    """Do what submit does, with a partition for each input; `later` are the plans of further stages."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in INPUTS.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    machine.artifacts.put(layout.snapshot_key(SNAPSHOT), archive.getvalue())
    for number, name in enumerate(INPUTS):
        partition = Partition(number, (InputFile(name, kind="recipe"),))
        machine.artifacts.put(layout.pack_key(NAME, number), partition.to_json().encode())
    for each in (first, *later):
        machine.artifacts.put(layout.plan_key(NAME, each.stage), each.to_json().encode())
    recipe = RecipeFacts(
        recipe_id="seals",
        snapshot=SNAPSHOT,
        output=output,
        plan=digest(first.to_json().encode()),
        later=tuple(
            Stage(
                each.stage,
                digest(each.to_json().encode()),
                each.before,
                reads=each.reads,
                has_results=each is not later[-1],
            )
            for each in later
        ),
    )
    machine.create(build_workflow(name=NAME, recipe=recipe, partitions=len(INPUTS), settings=SETTINGS))


def upper(**fields: object) -> Plan:
    return plan(UPPER, stage="upper", before=layout.PROCESS, partitioning=Partitioning(size=2), **fields)


def test_a_stage_is_partitioned_by_the_outputs_of_the_previous_one(machine: Machine) -> None:
    submit(machine, plan(SPLIT), upper())
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert tree(machine.volume / "seals") == {
        f"{word}.{above}": f"{word.upper()}\n".encode()
        for above, words in (("a", ("seal", "whale")), ("b", ("bear", "fox", "owl")))
        for word in words
    }
    division = Division.from_json(machine.artifacts.get(layout.division_key(NAME, "upper")))
    assert division.files == (2, 2, 1)
    assert not list((machine.volume / layout.WORKSPACES).iterdir()), "no stage leaves its workspace behind"


def test_tasks_report_their_stage(machine: Machine) -> None:
    submit(machine, plan(SPLIT), upper())
    state = read_workflow(machine.wait(NAME))
    stages = {(task.stage, task.template, task.partition) for task in state.tasks}
    assert stages == {
        *(("process", "process", number) for number in range(2)),
        ("upper", "list-upper", None),
        *(("upper", "upper", number) for number in range(3)),
        ("publish", "publish", None),
    }
    facts = json.loads(machine.artifacts.get(layout.facts_key(NAME, 2, "upper")))
    assert (facts["stage"], facts["partition"], [each["name"] for each in facts["wrote"]]) == (
        "upper",
        2,
        ["owl.b"],
    )


def test_a_sequential_stage_gets_all_outputs_at_their_original_paths(machine: Machine) -> None:
    last = Plan(
        "seals",
        (Command('cd "$INPUT_DIR"; cat */* > "$OUTPUT_DIR/all"; cp -P a/seal "$OUTPUT_DIR/"', 1),),
        stage="merge",
        before=layout.PROCESS,
    )
    submit(machine, plan(SPLIT), last, output="temporary")
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    left = tree(machine.volume / layout.partition_workspace(NAME, 0, "merge") / "output_dir")
    assert left == {"all": b"seal\nwhale\nbear\nfox\nowl\n", "seal": b"seal\n"}


def test_a_third_stage_gets_only_the_outputs_of_the_second(machine: Machine) -> None:
    count = Plan(
        "seals",
        (Command('cd "$INPUT_DIR"; echo * $(ls /mnt/stage) > "$OUTPUT_DIR/names"', 1),),
        stage="count",
        before="upper",
    )
    submit(machine, plan(SPLIT), upper(), count)
    assert machine.wait(NAME)["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert tree(machine.volume / "seals") == {"names": b"bear.b fox.b owl.b seal.a whale.a 0 1 2\n"}


@pytest.mark.parametrize(
    "attempt", ['rm "$INPUT_FILE"', "touch /mnt/stage/new", "echo x >> /mnt/stage/0/journal"]
)
def test_a_stage_cannot_change_the_outputs_of_the_previous_one(machine: Machine, attempt: str) -> None:
    submit(machine, plan(SPLIT), plan(f"{attempt} || {UPPER}", stage="upper", before=layout.PROCESS))
    assert machine.wait(NAME)["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert len(tree(machine.volume / "seals")) == 5


def test_a_stage_without_outputs_fails_the_next_before_any_task(machine: Machine) -> None:
    submit(machine, plan('mkdir "$OUTPUT_DIR/x"'), upper())
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Failed"
    assert "The stage process has written no file for the next one" in str(read_workflow(found).message)
    assert phases(found)["upper"] == "Omitted"


def test_a_retry_continues_in_the_failed_stage(machine: Machine) -> None:
    failing = plan(f'grep -q owl "$INPUT_FILE" && exit 3; {UPPER}', stage="upper", before=layout.PROCESS)
    submit(machine, plan(SPLIT), failing)
    before = nodes(machine.wait(NAME))
    assert before["upper"]["phase"] == "Failed"
    (machine.volume / layout.partition_workspace(NAME, 1) / "output_dir/b/owl").write_text("OWL\n")
    machine.call("PUT", f"/{NAME}/retry", body={})
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert nodes(found)["process(1:1)"] == before["process(1:1)"], "what succeeded does not run again"
    assert len(tree(machine.volume / "seals")) == 5


BY_LETTER = (
    'for w in $(cat "$INPUT_DIR"/*); do d="$OUTPUT_DIR/$(echo $w | cut -c1)"; mkdir -p "$d"; '
    'echo $w >> "$d/words"; done; echo done > "$OUTPUT_DIR/beside"'
)
BUILD = (
    'cd "$INPUT_DIR"; mkdir "$OUTPUT_DIR/result"; for k in *; do mkdir "$OUTPUT_DIR/$k"; '
    'sort $k/*/words > "$OUTPUT_DIR/result/$k"; cat $k/*/words | wc -l > "$OUTPUT_DIR/$k/count"; done'
)
PAINT = (
    'cd "$INPUT_DIR"; mkdir "$OUTPUT_DIR/result"; for k in ?; do '
    'cat build/*/result/$k $k/*/count | tr a-z A-Z > "$OUTPUT_DIR/result/$k.big"; done'
)
TOP = (
    'cd "$INPUT_DIR"; ls build > "$OUTPUT_DIR/tasks"; echo * > "$OUTPUT_DIR/keys"; '
    'cat paint/*/result/* | sort > "$OUTPUT_DIR/all"; ln -s "$PWD"/build/*/result/b "$OUTPUT_DIR/copied"'
)


@pytest.mark.parametrize("tasks", [1, 3])
def test_a_stage_has_a_task_per_key_of_an_earlier_stage_and_reads_others_completely(
    machine: Machine, tasks: int
) -> None:
    by_size = Partitioning(strategy="size", tasks=tasks)
    build = Plan("seals", (Command(BUILD, 1),), stage="build", before="process", by_key=True)
    paint = Plan("seals", (Command(PAINT, 1),), stage="paint", before="build", by_key=True, reads=("build",))
    top = Plan("seals", (Command(TOP, 1),), stage="top", before="build", by_key=True)
    submit(
        machine,
        Plan("seals", (Command(BY_LETTER, 1),)),
        build._replace(partitioning=by_size),
        paint._replace(partitioning=by_size),
        top._replace(reads=("build", "paint")),
    )
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    words = [b"bear", b"fox", b"owl", b"seal", b"whale"]
    assert tree(machine.volume / "seals") == {
        **{chr(word[0]): word + b"\n" for word in words},
        **{f"{chr(word[0])}.big": word.upper() + b"\n1\n" for word in words},
        "tasks": "".join(f"{number}\n" for number in range(tasks)).encode(),
        "keys": b"b build f o paint s w\n",
        "all": b"1\n" * 5 + b"\n".join(word.upper() for word in words) + b"\n",
        "copied": b"bear\n",
    }
    for stage in ("build", "paint"):
        division = Division.from_json(machine.artifacts.get(layout.division_key(NAME, stage)))
        assert (len(division.files), sum(division.files)) == (tasks, 5)
