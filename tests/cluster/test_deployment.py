"""The local overlay at work on a real cluster: recipes, events, uploads, and scale to zero."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from typing import Any

import pytest
import urllib3

from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.recipe.bundle import pack
from support.cluster import until
from support.installed import FUNCTIONS, NAMESPACE, ROOT, UPLOADS
from support.uploads import Object, aws_adapter, binary, record

pytestmark = pytest.mark.cluster

IDLE_SECONDS = 600.0
"""More than the longest grace: status keeps its last instance for five minutes."""


def test_a_recipe_runs_to_its_end_by_events_alone(installed, s3):
    name = installed.start("temporary-outlines")

    run = installed.ended(name)

    assert (run["status"], run["message"]) == ("Succeeded", None)
    assert {task["phase"] for task in run["tasks"]} == {"Succeeded"}
    answer = urllib3.request("GET", installed.status.call("GET", f"/output/{name}")["data_url"])
    with zipfile.ZipFile(io.BytesIO(answer.data)) as outputs:
        assert {"islands_simple.gpkg", "areas.csv"} <= set(outputs.namelist())


def test_partitions_are_merged_and_reused_when_nothing_has_changed(installed):
    run = installed.ended(installed.start("lakes-in-parallel"))
    again = installed.ended(installed.start("lakes-in-parallel", fresh=False))

    assert (run["status"], run["message"], run["partition_counts"]) == ("Succeeded", None, {"Succeeded": 3})
    assert (again["status"], again["message"], again["partition_counts"]) == (
        "Succeeded",
        None,
        {"Reused": 3},
    )


def test_status_reports_the_end_of_a_run_as_soon_as_argo_does(installed, measured):
    name = installed.start("temporary-outlines")
    phase = ("--output", r"jsonpath={.status.phase}{'\n'}")

    with installed.cluster.following(NAMESPACE, f"workflow/{name}", *phase) as phases:
        next(phase for phase in phases if phase.strip() in TERMINAL_PHASES)
        began = time.monotonic()
        installed.ended(name)
    seconds = time.monotonic() - began

    measured("seconds from Argo's end to the record's", seconds)
    assert seconds < 2


def test_a_run_can_be_stopped(installed):
    name = installed.start("temporary-outlines")

    installed.submit.call("POST", f"/runs/{name}/cancel")

    assert installed.ended(name)["status"] == "Failed"


def test_a_run_whose_workflow_is_deleted_is_recorded_as_an_error(installed):
    name = installed.start("temporary-outlines")

    installed.cluster.kubectl("--namespace", NAMESPACE, "delete", "workflow", name)

    assert installed.ended(name)["status"] == "Error"


def test_repeated_events_about_an_upload_start_one_run(installed, s3):
    trigger = f"suite-{uuid.uuid4().hex[:8]}"
    key = f"{trigger}/outlines.tar.gz"
    asked = {"name": trigger, "bucket": UPLOADS, "pattern": f"{trigger}/*"}
    installed.submit.call("POST", "/triggers", json.dumps(asked).encode())
    if UPLOADS not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=UPLOADS)
    bundle = pack(ROOT / "docs/examples/temporary-outlines")
    etag = s3.put_object(Bucket=UPLOADS, Key=key, Body=bundle)["ETag"].strip('"')

    for _ in range(3):
        installed.tell(aws_adapter(Object(bucket=UPLOADS, key=key, size=len(bundle), etag=etag)))

    def started() -> list[dict[str, Any]]:
        uploads = installed.status.call("GET", f"/triggers/{trigger}")["uploads"]
        return [upload for upload in uploads if upload["run"]]

    [upload] = until(started, seconds=60)
    run = installed.ended(upload["run"])
    installed.submit.call("DELETE", f"/triggers/{trigger}")
    assert (run["status"], run["trigger"]["name"]) == ("Succeeded", trigger)


def test_undeliverable_events_are_logged_by_dead_letters(installed):
    identity = uuid.uuid4().hex

    notification = record(Object())
    notification["s3"]["bucket"] = {}
    kind = "com.amazonaws.s3.ObjectCreated:Put"
    installed.tell(binary(notification, id=identity, source="aws:s3", type=kind))

    of_dead_letters = ("--selector", "serving.knative.dev/service=dead-letters", "--container", "function")
    until(
        lambda: identity in installed.cluster.kubectl("--namespace", NAMESPACE, "logs", *of_dead_letters),
        seconds=60,
    )


def test_idle_functions_scale_to_zero_and_back(installed, measured):
    gone: set[str] = set()

    def all_were_gone() -> bool:
        gone.update(FUNCTIONS - installed.instances())
        return gone == FUNCTIONS

    until(all_were_gone, seconds=IDLE_SECONDS, every=2)

    began = time.monotonic()
    installed.status.call("GET", "/runs")
    measured("seconds from no instance to an answer", time.monotonic() - began)
    assert "status" in installed.instances()
