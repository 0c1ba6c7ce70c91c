"""Parallel recipes and inputs on volumes: what a submission makes of them, how their partitions are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ogdc_shared.layout import division_key, pack_key, plan_key
from ogdc_shared.plan import Division, Partitioning, Plan, VolumeInput
from support.argo_server import ArgoServer
from support.packs import stored_partition
from support.recipes import good_meta, inputs
from support.runs import send, started, tell

URLS = [f"https://example.org/{number}.gpkg" for number in range(7)]


def parallel_files(*params: dict[str, Any], urls: list[str] | None = None, **parallel: Any) -> dict[str, str]:
    """A parallel recipe's files; its inputs are `params`, or else a list of `urls`."""
    workflow = {"type": "shell", "parallel": {"enabled": True, **parallel}}
    listed = inputs(*(params or ({"type": "url_list", "file": "urls.txt"},)))
    return {
        "meta.yml": json.dumps(good_meta(workflow=workflow, input=listed)),
        "recipe.sh": 'cp "$INPUT_FILE" "$OUTPUT_FILE"\n',
        "urls.txt": "\n".join(URLS if urls is None else urls),
    }


def on_volume(claim: str, **fields: str) -> dict[str, str]:
    return {"type": "pvc_mount", "claim_name": claim, "path": "/tiles", **fields}


def task(template: str, phase: str, **fields: object) -> dict[str, object]:
    name = fields.pop("name", template)
    return {
        "id": f"node-{name}",
        "type": "Pod",
        "displayName": name,
        "templateName": template,
        "phase": phase,
    } | fields


def processing(number: int, phase: str, **fields: object) -> dict[str, object]:
    parameters = [{"name": "partition", "value": str(number)}]
    name = f"process({number}:{number})"
    return task("process", phase, name=name, inputs={"parameters": parameters}, **fields)


def nodes(*tasks: dict[str, object]) -> dict[str, object]:
    return {str(node["id"]): node for node in tasks}


def dag(argo: ArgoServer, name: str) -> dict[str, Any]:
    main: dict[str, Any] = argo.workflows[name]["spec"]["templates"][0]["dag"]
    return main


class TestSubmission:
    def test_partitions_share_an_object(self, submit, artifacts: Path, argo: ArgoServer):
        name = started(submit, files=parallel_files(partition_size=3))

        stored = [stored_partition(artifacts, name, number) for number in range(3)]
        assert [[file.source for file in partition.files] for partition in stored] == [
            URLS[:3],
            URLS[3:6],
            URLS[6:],
        ]
        assert [partition.number for partition in stored] == [0, 1, 2]
        assert not (artifacts / pack_key(name, 1)).exists()
        division = Division.from_json((artifacts / division_key(name)).read_bytes())
        assert division == Division(files=(3, 3, 1), sizes=(None,) * 3)
        assert dag(argo, name)["tasks"][0]["withSequence"] == {"count": "3"}

    def test_its_commands_run_once_per_file(self, submit, artifacts: Path):
        name = started(submit, files=parallel_files(partition_size=3))

        plan = Plan.from_json((artifacts / plan_key(name)).read_bytes())
        assert plan.per_file
        assert plan.partitioning == Partitioning(size=3, tasks=100, pack=100)

    def test_the_default_is_twenty_partitions_per_parallel_task(self, serve, environment, argo: ArgoServer):
        environment.setenv("OGDC_MAX_PARALLEL_LIMIT", "2")
        urls = [f"https://example.org/{number}" for number in range(1000)]

        name = started(serve("submit"), files=parallel_files(urls=urls, max_parallelism=9))

        assert dag(argo, name)["tasks"][0]["withSequence"] == {"count": "40"}
        assert argo.workflows[name]["spec"]["parallelism"] == 2

    def test_a_recipe_may_let_the_other_partitions_finish(self, submit, argo: ArgoServer):
        name = started(submit, files=parallel_files(fail_fast=False))

        assert dag(argo, name)["failFast"] is False

    def test_the_recipe_goes_to_every_task(self, submit, argo: ArgoServer):
        name = started(submit, files=parallel_files())

        process = next(t for t in argo.workflows[name]["spec"]["templates"] if t["name"] == "process")
        assert [artifact["name"] for artifact in process["inputs"]["artifacts"]] == [
            "plan",
            "partition",
            "recipe",
        ]

    def test_a_rejection_by_argo_leaves_nothing_behind(self, submit, artifacts: Path, argo: ArgoServer):
        argo.faults["create"] = "reject"

        assert send(submit, files=parallel_files(partition_size=1)).status_code == 500
        assert list((artifacts / "runs").iterdir()) == []

    def test_files_on_an_allowed_volume_are_listed_by_the_run(
        self, serve, environment, artifacts: Path, argo: ArgoServer
    ):
        environment.setenv("OGDC_ALLOWED_INPUT_PVCS", '["archive"]')
        recipe = parallel_files(on_volume("archive", glob="**/*.tif"), partition_size=2)

        name = started(serve("submit"), files=recipe)

        plan = Plan.from_json((artifacts / plan_key(name)).read_bytes())
        assert plan.volumes == (VolumeInput("archive", "tiles", "**/*.tif"),)
        assert plan.partitioning.size == 2
        assert {found.name for found in (artifacts / f"runs/{name}").iterdir()} == {"plan.json", "run.json"}
        assert [task["name"] for task in dag(argo, name)["tasks"]] == ["list", "process", "publish"]

    def test_the_workflow_volume_is_always_allowed(self, submit):
        assert (
            send(submit, files=parallel_files(on_volume("cephfs-qgnet-ogdc-workflow-pvc"))).status_code == 200
        )


class TestFailFast:
    """Argo starts every task of a fan-out, whatever becomes of the first."""

    def test_a_run_is_stopped_once_a_partition_has_failed(self, submit, argo_events, argo: ArgoServer):
        name = started(submit, files=parallel_files(partition_size=3))
        tell(argo_events, argo.advance(name, "Running", nodes=nodes(processing(0, "Running"))))
        assert argo.called("terminate") == 0

        failed = nodes(processing(0, "Failed"), processing(1, "Running"))
        assert tell(argo_events, argo.advance(name, "Running", nodes=failed)).status_code == 200

        assert argo.called("terminate") == 1

    def test_an_old_event_stops_nothing(self, submit, argo_events, argo: ArgoServer):
        name = started(submit, files=parallel_files(partition_size=3))
        old = argo.advance(name, "Running", nodes=nodes(processing(0, "Failed")))
        tell(argo_events, argo.advance(name, "Running", nodes=nodes(processing(0, "Running"))))

        tell(argo_events, old)

        assert argo.called("terminate") == 0

    @pytest.mark.parametrize("parallel", [{"fail_fast": False, "partition_size": 1}, {"partition_size": 7}])
    def test_a_run_is_not_stopped_with_fail_fast_false_or_one_partition(
        self, submit, argo_events, argo: ArgoServer, parallel: dict[str, Any]
    ):
        name = started(submit, files=parallel_files(**parallel))

        tell(argo_events, argo.advance(name, "Running", nodes=nodes(processing(0, "Failed"))))

        assert argo.called("terminate") == 0

    def test_without_argo_the_next_event_stops_the_run(self, submit, argo_events, argo: ArgoServer):
        name = started(submit, files=parallel_files(partition_size=3))
        argo.faults["terminate"] = "reject"
        answer = tell(argo_events, argo.advance(name, "Running", nodes=nodes(processing(0, "Failed"))))
        assert (answer.status_code, answer.get_json()) == (200, {"events": ["applied"]})
        argo.faults.clear()

        tell(argo_events, argo.advance(name, "Running"))

        assert argo.called("terminate") == 2

    def test_reconciling_also_stops_a_failed_run(self, serve, environment, argo: ArgoServer):
        environment.setenv("OGDC_STALE_SECONDS", "0")
        name = started(serve("submit"), files=parallel_files(partition_size=3))
        argo.advance(name, "Running", nodes=nodes(processing(0, "Failed")))

        assert serve("status").get(f"/status/{name}").status_code == 200

        assert argo.called("terminate") == 1


class TestRefusals:
    def test_a_volume_that_is_not_allowed_is_rejected(self, submit, artifacts: Path, argo: ArgoServer):
        response = send(submit, files=parallel_files(on_volume("secrets")))

        assert response.status_code == 403
        assert response.get_json()["detail"] == (
            "meta.yml: input.params[0].claim_name: 'secrets' is not a claim that recipes may read. "
            "OGDC_ALLOWED_INPUT_PVCS lists the allowed claims of a cluster, OGDC_LOCAL_CLAIMS those of the "
            "local stack."
        )
        assert not artifacts.exists()
        assert argo.workflows == {}

    @pytest.mark.parametrize(
        ("parallel", "problem"),
        [
            ({"partition_size": 0}, "partition_size: 0 cannot be used; give at least 1."),
            ({"max_parallelism": 0}, "max_parallelism: 0 cannot be used; give at least 1."),
            ({"partition_strategy": "rows"}, "partition_strategy: 'rows' cannot be used; give"),
            ({"partition_bytes": "1Gi"}, "partition_bytes: '1Gi' requires `partition_strategy: size`"),
            (
                {"partition_strategy": "size", "partition_bytes": "1Gi"},
                "partition_bytes: the sizes of the inputs are not known",
            ),
        ],
    )
    def test_inputs_that_cannot_be_divided_are_rejected(self, submit, parallel: dict[str, Any], problem: str):
        response = send(submit, files=parallel_files(**parallel))

        assert response.status_code == 422
        assert f"meta.yml: workflow.parallel.{problem}" in response.get_json()["detail"]

    def test_more_partitions_than_the_limit_are_rejected(self, serve, environment, argo: ArgoServer):
        environment.setenv("OGDC_MAX_PARTITIONS", "3")

        response = send(serve("submit"), files=parallel_files(partition_size=2))

        assert response.status_code == 422
        assert "partition_size: 2 makes 4 partitions of 7 files" in response.get_json()["detail"]
        assert argo.workflows == {}


class TestPartitions:
    def test_a_run_lists_its_partitions(self, submit, status):
        name = started(submit, files=parallel_files(partition_size=3))

        run = status.get(f"/runs/{name}").get_json()

        assert (run["partitions"], run["input_files"], run["input_bytes"]) == (3, 7, None)
        assert run["partition_counts"] == {}
        assert run["links"]["partitions"] == f"/runs/{name}/partitions"

    def test_each_partition_has_its_phase(self, submit, status, argo_events, argo: ArgoServer):
        name = started(submit, files=parallel_files(partition_size=3))
        seen = [processing(0, "Succeeded"), processing(2, "Failed", message="command 1 of 1 failed")]
        tell(argo_events, argo.advance(name, "Running", nodes=nodes(*seen)))

        answer = status.get(f"/runs/{name}/partitions").get_json()

        assert answer == {
            "total": 3,
            "partitions": [
                {"number": 0, "files": 3, "bytes": None, "phase": "Succeeded", "message": None},
                {"number": 1, "files": 3, "bytes": None, "phase": None, "message": None},
                {
                    "number": 2,
                    "files": 1,
                    "bytes": None,
                    "phase": "Failed",
                    "message": "command 1 of 1 failed",
                },
            ],
        }
        run = status.get(f"/runs/{name}").get_json()
        assert run["partition_counts"] == {"Succeeded": 1, "Failed": 1}

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("limit=2", [0, 1]),
            ("limit=2&offset=2", [2, 3]),
            ("limit=5&offset=6", [6]),
            ("offset=7", []),
        ],
    )
    def test_partitions_are_paginated(self, submit, status, query: str, numbers: list[int]):
        name = started(submit, files=parallel_files(partition_size=1))

        page = status.get(f"/runs/{name}/partitions?{query}").get_json()

        assert [partition["number"] for partition in page["partitions"]] == numbers
        assert page["total"] == 7

    @pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "offset=-1"])
    def test_an_invalid_page_is_rejected(self, submit, status, query: str):
        name = started(submit, files=parallel_files())

        response = status.get(f"/runs/{name}/partitions?{query}")

        assert response.status_code == 400
        assert query.partition("=")[0] in response.get_json()["detail"]

    def test_a_recipe_that_is_not_parallel_has_one(self, submit, status):
        name = started(submit)

        answer = status.get(f"/runs/{name}/partitions").get_json()

        assert answer["partitions"] == [{"number": 0, "files": 1, "bytes": 8, "phase": None, "message": None}]

    def test_partitions_of_an_unknown_run_are_404(self, status):
        assert status.get("/runs/nobodys/partitions").status_code == 404

    def test_phases_are_shown_without_a_stored_division(
        self, submit, status, argo_events, artifacts: Path, argo: ArgoServer
    ):
        name = started(submit, files=parallel_files(partition_size=4))
        (artifacts / division_key(name)).unlink()
        tell(argo_events, argo.advance(name, "Running", nodes=nodes(processing(0, "Running"))))

        first, second = status.get(f"/runs/{name}/partitions").get_json()["partitions"]

        assert (first["files"], first["phase"]) == (None, "Running")
        assert (second["files"], second["phase"]) == (None, None)

    def test_partitions_of_volumes_are_known_after_listing(
        self, submit, status, argo_events, artifacts: Path, argo: ArgoServer
    ):
        name = started(submit, files=parallel_files(on_volume("cephfs-qgnet-ogdc-workflow-pvc")))
        assert status.get(f"/runs/{name}").get_json()["partitions"] is None
        assert status.get(f"/runs/{name}/partitions").get_json() == {"total": None, "partitions": []}

        found = {"partitions": "2", "files": "3", "bytes": str(2**40)}
        outputs = {"parameters": [{"name": key, "value": value} for key, value in found.items()]}
        listing = task("list", "Succeeded", outputs=outputs)
        (artifacts / division_key(name)).write_text(Division((2, 1), (2**40, 0)).to_json())
        tell(argo_events, argo.advance(name, "Running", nodes=nodes(listing, processing(1, "Running"))))

        run = status.get(f"/runs/{name}").get_json()
        assert (run["partitions"], run["input_files"], run["input_bytes"]) == (2, 3, 2**40)
        partitions = status.get(f"/runs/{name}/partitions").get_json()["partitions"]
        assert [(p["files"], p["bytes"], p["phase"]) for p in partitions] == [
            (2, 2**40, None),
            (1, 0, "Running"),
        ]


def test_ten_thousand_partitions_are_shown_a_page_at_a_time(
    submit: FlaskClient, status: FlaskClient, argo_events: FlaskClient, argo: ArgoServer
):
    urls = [f"https://example.org/{number}" for number in range(10_000)]
    name = started(submit, files=parallel_files(urls=urls, partition_size=1))
    assert len(json.dumps(argo.workflows[name])) < 32 * 1024
    everything = nodes(*(processing(number, "Succeeded") for number in range(10_000)))
    tell(argo_events, argo.advance(name, "Running", nodes=everything))

    page = status.get(f"/runs/{name}/partitions?limit=10&offset=9995").get_json()

    assert [partition["number"] for partition in page["partitions"]] == list(range(9995, 10_000))
    assert {partition["phase"] for partition in page["partitions"]} == {"Succeeded"}
