"""POST of CloudEvents: in any content mode, in any order, any number of times."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ogdc_functions.argo_events import SWEEP_REQUESTED
from ogdc_shared.db.database import Database
from ogdc_shared.db.runs import get_run
from support.argo_server import ArgoServer
from support.runs import started, tell

RETRIED_BY_KNATIVE = {404, 408, 409, 429}


def structured(workflow: dict[str, Any], id: str = "1", **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": "https://10.0.0.1:443",
        "type": "dev.knative.apiserver.resource.update",
        "datacontenttype": "application/json",
        "data": workflow,
    } | attributes


def post(client: FlaskClient, event: Any, *, batch: bool = False, path: str = "/") -> TestResponse:
    kind = "cloudevents-batch+json" if batch else "cloudevents+json"
    return client.post(
        path,
        data=json.dumps(event),
        content_type=f"application/{kind}; charset=UTF-8",
        headers={"Accept": "application/json"},
    )


@pytest.fixture
def name(submit) -> str:
    return started(submit)


@pytest.fixture
def recorded(status, name: str):
    return lambda: status.get(f"/status/{name}").get_json()["status"]


class TestContentModes:
    def test_an_event_in_binary_mode_is_applied(self, argo_events, argo: ArgoServer, name: str, recorded):
        response = tell(argo_events, argo.advance(name, "Running"))

        assert (response.status_code, response.get_json()) == (200, {"events": ["applied"]})
        assert recorded() == "Running"

    @pytest.mark.parametrize("path", ["/", "/events/argo", "/api/events/argo"])
    def test_an_event_in_structured_mode_is_applied_at_each_path(
        self, argo_events, argo: ArgoServer, name: str, recorded, path: str
    ):
        response = post(argo_events, structured(argo.advance(name, "Running")), path=path)

        assert response.get_json() == {"events": ["applied"]}
        assert recorded() == "Running"

    def test_all_events_of_a_batch_are_applied(self, argo_events, argo: ArgoServer, name: str, recorded):
        states = [argo.advance(name, phase) for phase in ("Pending", "Running", "Succeeded")]

        response = post(argo_events, [structured(s, id=str(n)) for n, s in enumerate(states)], batch=True)

        assert response.get_json() == {"events": ["applied"] * 3}
        assert recorded() == "Succeeded"

    def test_knative_is_answered_without_a_word(self, argo_events, argo: ArgoServer, name: str, recorded):
        """It would take any for a failure, and repeat the event."""
        response = tell(argo_events, argo.advance(name, "Running"), Accept="")

        assert (response.status_code, response.data) == (204, b"")
        assert recorded() == "Running"

    def test_an_empty_batch_is_accepted(self, argo_events):
        assert post(argo_events, [], batch=True).get_json() == {"events": []}


class TestOrder:
    def test_a_repeated_event_changes_nothing(self, argo_events, argo: ArgoServer, name: str):
        event = structured(argo.advance(name, "Running"))

        assert post(argo_events, event).get_json() == {"events": ["applied"]}
        assert post(argo_events, event).get_json() == {"events": ["known"]}

    def test_a_repeated_state_in_another_event_changes_nothing(
        self, argo_events, argo: ArgoServer, name: str
    ):
        state = argo.advance(name, "Running")
        tell(argo_events, state)

        assert tell(argo_events, state, kind="add").get_json() == {"events": ["known"]}

    def test_an_older_state_changes_nothing(self, argo_events, argo: ArgoServer, name: str, recorded):
        older, newer = argo.advance(name, "Running"), argo.advance(name, "Succeeded")
        tell(argo_events, newer)

        assert tell(argo_events, older).get_json() == {"events": ["known"]}
        assert recorded() == "Succeeded"

    @pytest.mark.parametrize("seed", range(5))
    def test_any_order_with_any_repetition_ends_in_the_same_record(
        self, argo_events, argo: ArgoServer, name: str, recorded, seed: int
    ):
        phases = ["Pending", "Running", "Failed", "Running", "Succeeded"]
        events = [structured(argo.advance(name, phase), id=str(n)) for n, phase in enumerate(phases)]
        shuffled = [*random.Random(seed).choices(events, k=12), events[-1]]
        random.Random(seed).shuffle(shuffled)

        assert {post(argo_events, event).status_code for event in shuffled} == {200}
        assert recorded() == "Succeeded"


class TestDeletion:
    def test_deletion_of_an_ended_workflow_keeps_its_status(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        tell(argo_events, argo.advance(name, "Succeeded"))

        tell(argo_events, argo.advance(name, "Succeeded"), kind="delete")

        assert recorded() == "Succeeded"

    def test_deletion_may_be_the_first_event_with_the_end(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        tell(argo_events, argo.advance(name, "Succeeded"), kind="delete")

        assert recorded() == "Succeeded"

    def test_deletion_of_an_active_workflow_is_an_error(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        tell(argo_events, argo.advance(name, "Running"), kind="delete")

        assert recorded() == "Error"


def reference_event(name: str, *, kind: str = "update", namespace: str = "ogdc") -> dict[str, Any]:
    """The event of an ApiServerSource in Reference mode."""
    reference = {
        "kind": "Workflow",
        "namespace": namespace,
        "name": name,
        "apiVersion": "argoproj.io/v1alpha1",
    }
    return structured(reference, id=str(uuid.uuid4()), type=f"dev.knative.apiserver.ref.{kind}")


def without_nodes(workflow: dict[str, Any]) -> dict[str, Any]:
    """A workflow as the Kubernetes API has it where Argo keeps the nodes in a database of its own."""
    status = {key: value for key, value in workflow["status"].items() if key != "nodes"}
    return workflow | {"status": status | {"offloadNodeStatusVersion": "fnv:3520352094"}}


def pod(name: str, phase: str, **fields: Any) -> dict[str, Any]:
    named = {"id": name, "displayName": name, "type": "Pod", "templateName": "process"}
    return {name: named | {"phase": phase} | fields}


class TestWhatOnlyArgoKnows:
    """This service has no rights in the cluster: it records that there is news; who reads the run asks."""

    def test_an_event_that_only_names_the_workflow_is_followed_by_one_question_to_argo(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        argo.advance(name, "Succeeded")

        assert post(argo_events, reference_event(name)).get_json() == {"events": ["applied"]}
        assert argo.called("get") == 0
        assert recorded() == "Succeeded"
        assert recorded() == "Succeeded"
        assert argo.called("get") == 1

    def test_argo_is_asked_once_for_each_event_without_a_state(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        first, second = reference_event(name), reference_event(name)
        for event, phase in ((first, "Running"), (first, "Failed"), (second, "Failed")):
            argo.advance(name, phase)
            post(argo_events, event)
            recorded()

        assert argo.called("get") == 2
        assert recorded() == "Failed"

    def test_the_deletion_of_a_workflow_that_is_only_named(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        del argo.workflows[name]

        assert post(argo_events, reference_event(name, kind="delete")).get_json() == {"events": ["applied"]}
        assert recorded() == "Error"

    def test_an_event_naming_a_workflow_that_is_not_ours_is_ignored(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        assert post(argo_events, reference_event(name, namespace="elsewhere")).get_json() == {
            "events": ["ignored"]
        }
        assert post(argo_events, reference_event("nobodys")).get_json() == {"events": ["ignored"]}
        recorded()
        assert argo.called("get") == 0

    def test_tasks_offloaded_to_argos_database_are_fetched(
        self, argo_events, argo: ArgoServer, name: str, status
    ):
        whole = argo.advance(
            name, "Failed", message="child failed", nodes=pod("a", "Failed", message="command 1 of 1 failed")
        )

        tell(argo_events, without_nodes(whole))

        run = status.get(f"/runs/{name}").get_json()
        assert (run["status"], run["message"]) == ("Failed", "command 1 of 1 failed")
        assert [task["phase"] for task in run["tasks"]] == ["Failed"]
        assert argo.called("get") == 1
        tell(argo_events, without_nodes(whole))
        status.get(f"/runs/{name}")
        assert argo.called("get") == 1, "a repeated event is not news"

    def test_tasks_with_an_unknown_compression_are_fetched(
        self, argo_events, argo: ArgoServer, name: str, status
    ):
        whole = argo.advance(name, "Succeeded", nodes=pod("a", "Succeeded"))
        packed = without_nodes(whole)
        del packed["status"]["offloadNodeStatusVersion"]
        packed["status"]["compressedNodes"] = "KLUv/QRYCQAA"

        tell(argo_events, packed)

        assert status.get(f"/runs/{name}").get_json()["task_counts"] == {"Succeeded": 1}

    def test_the_sweep_reconciles_runs_that_nobody_reads(
        self, argo_events, argo: ArgoServer, name: str, submit, database
    ):
        argo.advance(name, "Succeeded")
        post(argo_events, reference_event(name))

        assert submit.post("/sweep").get_json()["refreshed"] == [name]
        with database.autocommit() as conn:
            assert get_run(conn, name).status == "Succeeded"
        assert submit.post("/sweep").get_json()["refreshed"] == []

    def test_during_an_outage_of_argo_refresh_requests_are_kept(
        self, argo_events, argo: ArgoServer, name: str, recorded, database: Database
    ):
        argo.advance(name, "Succeeded")
        post(argo_events, reference_event(name))
        argo.faults["get"] = "refuse"
        assert recorded() == "Pending"
        del argo.faults["get"]
        with database.transaction() as conn:
            conn.execute("UPDATE runs SET asked_at = now() - interval '31 seconds'")

        assert recorded() == "Succeeded"

    def test_a_failed_run_without_permission_to_stop_it_is_left_to_the_sweep(
        self, argo_events, argo: ArgoServer, name: str, submit, database: Database
    ):
        """With `fail_fast`: this service may not terminate, the sweep of submit may."""
        argo.workflows[name]["metadata"]["labels"]["ogdc/fail-fast"] = "true"
        argo.faults["terminate"] = "refuse"
        event = structured(argo.advance(name, "Running", nodes=pod("a", "Failed")))
        answer = argo_events.post("/", data=json.dumps(event), content_type="application/cloudevents+json")
        assert argo.workflows[name]["status"]["phase"] == "Running"
        del argo.faults["terminate"]

        # Knative's broker passes the answer, an event, on to the sweep.
        assert answer.status_code == 200
        assert answer.headers["ce-type"] == SWEEP_REQUESTED
        assert answer.get_json() == {"runs": [name]}
        passed_on = {key: value for key, value in answer.headers.items() if key.lower().startswith("ce-")}
        swept = submit.post("/sweep", data=answer.data, headers=passed_on, content_type="application/json")
        assert swept.status_code == 204
        assert argo.workflows[name]["status"]["phase"] == "Failed"


class TestEarly:
    """An event can come before its run's row only where the record was set back, say to a backup."""

    def test_an_early_event_is_ignored_and_applied_when_it_is_repeated(
        self, argo_events, argo: ArgoServer, name: str, recorded, database: Database
    ):
        event = structured(argo.advance(name, "Succeeded"))
        with database.transaction() as conn:
            conn.execute("UPDATE runs SET name = 'not-yet'")
        assert post(argo_events, event).get_json() == {"events": ["ignored"]}
        with database.transaction() as conn:
            conn.execute("UPDATE runs SET name = %s", (name,))

        assert post(argo_events, event).get_json() == {"events": ["applied"]}
        assert recorded() == "Succeeded"

    def test_without_a_repetition_of_an_early_event_argo_is_asked(
        self, argo_events, argo: ArgoServer, name: str, recorded, database: Database
    ):
        with database.transaction() as conn:
            conn.execute("UPDATE runs SET name = 'not-yet'")
        tell(argo_events, argo.advance(name, "Succeeded"))
        with database.transaction() as conn:
            conn.execute(
                "UPDATE runs SET name = %s, submitted_at = now() - interval '1 minute', "
                "handed_over_at = now() - interval '1 minute'",
                (name,),
            )

        assert recorded() == "Succeeded"


class TestIgnored:
    """Answered with 200, since sending them again would not help."""

    def test_workflows_that_are_not_runs_are_ignored(self, argo_events, argo: ArgoServer, name: str):
        stranger = argo.advance(name, "Running")
        stranger["metadata"]["name"] = "somebody-elses"

        assert tell(argo_events, stranger).get_json() == {"events": ["ignored"]}

    def test_a_workflow_of_the_same_name_in_another_namespace_is_ignored(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        elsewhere = argo.advance(name, "Failed")
        elsewhere["metadata"]["namespace"] = "elsewhere"

        assert tell(argo_events, elsewhere).get_json() == {"events": ["ignored"]}
        assert recorded() == "Pending"

    def test_another_workflow_with_the_name_of_a_run_is_ignored(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        impostor = argo.advance(name, "Failed")
        impostor["metadata"]["uid"] = "another"

        assert tell(argo_events, impostor).status_code == 200
        assert recorded() == "Pending"

    @pytest.mark.parametrize(
        "event",
        [
            structured({"kind": "Pod", "apiVersion": "v1"}),
            structured({}, type="dev.knative.apiserver.ref.update"),
            structured({}, type="org.example.something.else"),
            structured({}, data="text"),
            structured({}, data=None),
            structured({}, data=[1]),
        ],
    )
    def test_events_about_other_objects_are_ignored(self, argo_events, event: dict[str, Any]):
        response = post(argo_events, event)

        assert (response.status_code, response.get_json()) == (200, {"events": ["ignored"]})


class TestMalformed:
    """Answered with 400, which Knative does not send again."""

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"", None),
            (b"{}", "application/json"),
            (b"", "application/cloudevents+json"),
            (b"{", "application/cloudevents+json"),
            (b"[]", "application/cloudevents+json"),
            (b"\xff\xfe", "application/cloudevents+json"),
            (b"[" * 100_000, "application/cloudevents+json"),
            (b'{"specversion": "9"}', "application/cloudevents+json"),
            (b'{"specversion": []}', "application/cloudevents+json"),
            (b"{}", "application/cloudevents-batch+json"),
            (b"[1]", "application/cloudevents-batch+json"),
            (b"nonsense", "application/cloudevents-batch+json"),
            (json.dumps([{}] * 1001).encode(), "application/cloudevents-batch+json"),
        ],
    )
    def test_a_request_that_is_not_an_event_is_rejected(
        self, argo_events, body: bytes, content_type: str | None
    ):
        response = argo_events.post("/", data=body, content_type=content_type)

        assert response.status_code == 400
        assert response.get_json()["detail"]

    @pytest.mark.parametrize(
        "wrong",
        [{"id": None}, {"id": ""}, {"id": 5}, {"id": "a\0b"}, {"source": {}}, {"type": None}, {"subject": 1}],
    )
    def test_an_attribute_of_the_wrong_kind_is_rejected(self, argo_events, wrong: dict[str, Any]):
        assert post(argo_events, structured({}, **wrong)).status_code == 400

    @pytest.mark.parametrize(
        "workflow",
        [
            {},
            {"metadata": []},
            {"metadata": {"name": "a"}},
            {"metadata": {"name": "a", "namespace": "b", "uid": "c", "resourceVersion": "-1"}},
            {
                "metadata": {"name": "a", "namespace": "b", "uid": "c", "resourceVersion": "1"},
                "status": {"phase": "?"},
            },
        ],
    )
    def test_an_invalid_workflow_is_rejected(self, argo_events, workflow: dict[str, Any]):
        data = {"kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1"} | workflow

        assert post(argo_events, structured(data)).status_code == 400

    @pytest.mark.parametrize("attribute", ["id", "source", "type", "subject"])
    def test_an_attribute_too_large_for_an_index_is_rejected(
        self, argo_events, argo: ArgoServer, name: str, attribute: str
    ):
        event = structured(argo.advance(name, "Running"), **{attribute: f"dev.knative.{'x' * 8000}"})
        response = post(argo_events, event)
        assert response.status_code == 400
        assert attribute in response.get_json()["detail"]

    def test_an_event_that_cannot_be_recorded_does_not_block_others_of_its_batch(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        running, poisoned = (argo.advance(name, "Running") for _ in range(2))
        poisoned["status"]["nodes"] = {
            random.Random(1).randbytes(8000).hex(): {
                "type": "Pod",
                "templateName": "process",
                "displayName": "process",
                "phase": "Failed",
            }
        }
        batch = [structured(poisoned, id="1"), structured(running, id="2")]
        response = post(argo_events, batch, batch=True)
        assert response.status_code == 400
        assert "cannot hold" in response.get_json()["detail"]
        assert recorded() == "Running"

    @pytest.mark.parametrize(
        "garbage",
        [
            {"specversion": "1.0"},
            1,
            structured({"kind": "Workflow"}, data={"kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1"}),
        ],
    )
    def test_an_invalid_event_does_not_block_others_of_its_batch(
        self, argo_events, argo: ArgoServer, name: str, recorded, garbage: Any
    ):
        batch = [garbage, structured(argo.advance(name, "Running"))]

        assert post(argo_events, batch, batch=True).status_code == 400
        assert recorded() == "Running"

    def test_a_body_that_is_too_large_is_rejected(self, argo_events):
        response = argo_events.post(
            "/", data=bytes((32 << 20) + 1), content_type="application/cloudevents+json"
        )

        assert response.status_code == 413
        assert response.status_code not in RETRIED_BY_KNATIVE


def test_without_a_database_the_event_has_to_come_again(
    serve, environment, argo: ArgoServer, name: str, tmp_path: Path
):
    environment.setenv("OGDC_DB_HOST", str(tmp_path))

    response = tell(serve("argo_events"), argo.advance(name, "Running"))

    assert response.status_code == 503


def test_an_unrecorded_event_is_applied_when_it_is_repeated(
    argo_events, argo: ArgoServer, name: str, recorded, database: Database
):
    event = structured(argo.advance(name, "Running"))
    with database.transaction() as conn:
        conn.execute("ALTER TABLE runs RENAME TO away")
    assert post(argo_events, event).status_code == 500
    with database.transaction() as conn:
        conn.execute("ALTER TABLE away RENAME TO runs")

    assert post(argo_events, event).get_json() == {"events": ["applied"]}
    assert recorded() == "Running"


def test_events_need_no_login(serve, environment, argo: ArgoServer, name: str):
    environment.setenv("ACCESS_MODE", "read_only")

    assert tell(serve("argo_events"), argo.advance(name, "Running")).status_code == 200


def test_it_can_be_probed(argo_events):
    assert argo_events.get("/healthz").get_json() == {"status": "ok"}


class TestForgedEvents:
    """A broker takes events from any pod of the cluster."""

    @pytest.fixture(autouse=True)
    def token_is_asked_for(self, environment) -> None:
        environment.setenv("OGDC_EVENT_TOKEN", "sesame")

    @pytest.mark.parametrize("token", [None, "", "Sesame", "sesam\u00e9", 7])
    def test_events_without_the_token_are_rejected_permanently(
        self, argo_events, argo: ArgoServer, name: str, recorded, token: Any
    ):
        response = post(argo_events, structured(argo.advance(name, "Failed"), ogdctoken=token))

        assert response.status_code == 401
        assert response.status_code not in RETRIED_BY_KNATIVE
        assert recorded() == "Pending"

    def test_events_with_the_token_are_accepted(self, argo_events, argo: ArgoServer, name: str, recorded):
        binary = tell(argo_events, argo.advance(name, "Running"), **{"ce-ogdctoken": "sesame"})
        whole = post(argo_events, structured(argo.advance(name, "Succeeded"), ogdctoken="sesame"))

        assert (binary.status_code, whole.status_code) == (200, 200)
        assert recorded() == "Succeeded"

    def test_a_forged_event_does_not_affect_others_of_its_batch(
        self, argo_events, argo: ArgoServer, name: str, recorded
    ):
        forged = structured(argo.advance(name, "Running"), id="1")
        true = structured(argo.advance(name, "Succeeded"), id="2", ogdctoken="sesame")

        assert post(argo_events, [forged, true], batch=True).status_code == 401
        assert recorded() == "Succeeded"

    def test_only_our_sources_can_request_a_sweep(self, submit):
        assert submit.post("/sweep").status_code == 401
        assert submit.post("/sweep", headers={"ce-ogdctoken": "sesame"}).status_code == 200

    def test_uploads_from_our_sources_are_accepted(self, upload):
        event = {"specversion": "1.0", "id": "1", "source": "s", "type": "com.example", "data": {}}

        assert post(upload, event, path="/events/upload").status_code == 401
        assert upload.post("/events/upload", headers={"ce-ogdctoken": "sesame"}, json={}).status_code != 401


class TestTasksThatCannotBegin:
    def waiting(self, argo: ArgoServer, name: str, since: str) -> dict[str, Any]:
        node = {
            "id": "p",
            "type": "Pod",
            "displayName": "process(0:0)",
            "templateName": "process",
            "phase": "Pending",
            "message": "ErrImagePull: not found",
            "startedAt": since,
        }
        return argo.advance(name, "Running", nodes={"p": node})

    @pytest.fixture
    def shown(self, status, name: str):
        return lambda: {key: status.get(f"/runs/{name}").get_json()[key] for key in ("status", "message")}

    def test_the_reason_why_tasks_cannot_start_is_reported(
        self, argo_events, argo: ArgoServer, name: str, shown
    ):
        now = datetime.now(UTC).isoformat()

        tell(argo_events, self.waiting(argo, name, now))

        words = "process(0:0) waits to begin: its image cannot be pulled: not found"
        assert shown() == {"status": "Running", "message": words}

    def test_tasks_that_cannot_start_are_given_up_with_a_reason(
        self, argo_events, argo: ArgoServer, name: str, shown
    ):
        tell(argo_events, self.waiting(argo, name, "2026-01-01T00:00:00Z"))
        tell(argo_events, argo.workflows[name])

        assert argo.workflows[name]["spec"]["shutdown"] == "Terminate"
        assert shown() == {
            "status": "Failed",
            "message": "process(0:0) waits to begin: its image cannot be pulled: not found. "
            "It was given up after 3600 s (OGDC_START_TIMEOUT).",
        }
