"""POST of CloudEvents: in any content mode, in any order, any number of times."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ogdc_shared.db.database import Database
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
    def test_binary(self, argo_events, argo: ArgoServer, name: str, recorded):
        response = tell(argo_events, argo.advance(name, "Running"))

        assert (response.status_code, response.get_json()) == (200, {"events": ["applied"]})
        assert recorded() == "Running"

    @pytest.mark.parametrize("path", ["/", "/events/argo", "/api/events/argo"])
    def test_structured(self, argo_events, argo: ArgoServer, name: str, recorded, path: str):
        response = post(argo_events, structured(argo.advance(name, "Running")), path=path)

        assert response.get_json() == {"events": ["applied"]}
        assert recorded() == "Running"

    def test_batch(self, argo_events, argo: ArgoServer, name: str, recorded):
        states = [argo.advance(name, phase) for phase in ("Pending", "Running", "Succeeded")]

        response = post(argo_events, [structured(s, id=str(n)) for n, s in enumerate(states)], batch=True)

        assert response.get_json() == {"events": ["applied"] * 3}
        assert recorded() == "Succeeded"

    def test_knative_is_answered_without_a_word(self, argo_events, argo: ArgoServer, name: str, recorded):
        """It would take any for a failure, and repeat the event."""
        response = tell(argo_events, argo.advance(name, "Running"), Accept="")

        assert (response.status_code, response.data) == (204, b"")
        assert recorded() == "Running"

    def test_an_empty_batch(self, argo_events):
        assert post(argo_events, [], batch=True).get_json() == {"events": []}


class TestOrder:
    def test_an_event_that_comes_twice_changes_nothing(self, argo_events, argo: ArgoServer, name: str):
        event = structured(argo.advance(name, "Running"))

        assert post(argo_events, event).get_json() == {"events": ["applied"]}
        assert post(argo_events, event).get_json() == {"events": ["known"]}

    def test_a_state_told_again_by_another_event_changes_nothing(
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
    def test_of_a_workflow_that_has_ended(self, argo_events, argo: ArgoServer, name: str, recorded):
        tell(argo_events, argo.advance(name, "Succeeded"))

        tell(argo_events, argo.advance(name, "Succeeded"), kind="delete")

        assert recorded() == "Succeeded"

    def test_that_is_the_first_word_of_the_end(self, argo_events, argo: ArgoServer, name: str, recorded):
        tell(argo_events, argo.advance(name, "Succeeded"), kind="delete")

        assert recorded() == "Succeeded"

    def test_of_a_workflow_that_has_not_ended(self, argo_events, argo: ArgoServer, name: str, recorded):
        tell(argo_events, argo.advance(name, "Running"), kind="delete")

        assert recorded() == "Error"


class TestIgnored:
    """Answered with 200, since sending them again would not help."""

    def test_a_workflow_that_is_no_run(self, argo_events, argo: ArgoServer, name: str):
        stranger = argo.advance(name, "Running")
        stranger["metadata"]["name"] = "somebody-elses"

        assert tell(argo_events, stranger).get_json() == {"events": ["ignored"]}

    def test_a_workflow_of_the_same_name_elsewhere(self, argo_events, argo: ArgoServer, name: str, recorded):
        elsewhere = argo.advance(name, "Failed")
        elsewhere["metadata"]["namespace"] = "elsewhere"

        assert tell(argo_events, elsewhere).get_json() == {"events": ["ignored"]}
        assert recorded() == "Pending"

    def test_a_workflow_of_the_same_name_that_is_another(
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
    def test_what_is_not_about_a_workflow(self, argo_events, event: dict[str, Any]):
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
    def test_no_event(self, argo_events, body: bytes, content_type: str | None):
        response = argo_events.post("/", data=body, content_type=content_type)

        assert response.status_code == 400
        assert response.get_json()["detail"]

    @pytest.mark.parametrize(
        "wrong",
        [{"id": None}, {"id": ""}, {"id": 5}, {"id": "a\0b"}, {"source": {}}, {"type": None}, {"subject": 1}],
    )
    def test_an_attribute_of_the_wrong_kind(self, argo_events, wrong: dict[str, Any]):
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
    def test_a_workflow_that_is_none(self, argo_events, workflow: dict[str, Any]):
        data = {"kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1"} | workflow

        assert post(argo_events, structured(data)).status_code == 400

    def test_one_of_a_batch_keeps_the_others_out(self, argo_events, argo: ArgoServer, name: str, recorded):
        batch = [structured(argo.advance(name, "Running")), {"specversion": "1.0"}]

        assert post(argo_events, batch, batch=True).status_code == 400
        assert recorded() == "Pending"

    def test_a_body_that_is_too_large(self, argo_events):
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


def test_an_event_that_was_not_recorded_is_taken_when_it_comes_again(
    argo_events, argo: ArgoServer, name: str, recorded, database: Database
):
    event = structured(argo.advance(name, "Running"))
    with database.connection() as conn:
        conn.execute("ALTER TABLE runs RENAME TO away")
    assert post(argo_events, event).status_code == 500
    with database.connection() as conn:
        conn.execute("ALTER TABLE away RENAME TO runs")

    assert post(argo_events, event).get_json() == {"events": ["applied"]}
    assert recorded() == "Running"


def test_events_need_no_login(serve, environment, argo: ArgoServer, name: str):
    environment.setenv("ACCESS_MODE", "read_only")

    assert tell(serve("argo_events"), argo.advance(name, "Running")).status_code == 200


def test_it_can_be_probed(argo_events):
    assert argo_events.get("/healthz").get_json() == {"status": "ok"}
