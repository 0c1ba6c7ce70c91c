"""Webhooks: which ends of runs are delivered to whom, and how receivers verify the sender."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ogdc_shared.db.database import Database
from support.argo_server import ArgoServer
from support.http import Answer, FileServer, Request
from support.runs import recipe_files, started, tell


@pytest.fixture
def users(serve: Callable[[str], FlaskClient]) -> FlaskClient:
    return serve("users")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[FileServer]:
    """A server that takes what it is told, at any path."""
    with FileServer(tmp_path) as server:
        server.routes["/hook"] = lambda request: Answer(status=204)
        yield server


def hook(users: FlaskClient, url: str, *, user: str = "ann", **fields: Any) -> dict[str, Any]:
    made = users.post("/webhooks", json={"url": url} | fields, headers={"OGDC-User": user})
    assert made.status_code == 200, made.text
    answer: dict[str, Any] = made.get_json()
    return answer


def ended(
    submit: FlaskClient,
    argo_events: FlaskClient,
    argo: ArgoServer,
    phase: str = "Succeeded",
    *,
    recipe: str = "Seal tags",
) -> str:
    """Name of a run of ann's that has ended so, which nobody was told yet."""
    name = started(submit, files=recipe_files(recipe), OGDC_User="ann")
    tell(argo_events, argo.advance(name, phase))
    return name


def sweep(submit: FlaskClient) -> dict[str, Any]:
    answer: dict[str, Any] = submit.post("/sweep").get_json()
    return answer


def due_again(database: Database) -> None:
    """Have the time come for the next attempts."""
    with database.autocommit() as conn:
        conn.execute("UPDATE deliveries SET due_at = now() WHERE due_at IS NOT NULL")


def types(receiver: FileServer) -> list[str]:
    return [json.loads(request.body)["type"] for request in receiver.requests]


def verified(request: Request, secret: str) -> dict[str, Any]:
    """The event of a request that is signed as Standard Webhooks wants it."""
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    digest = hmac.new(b64decode(secret.removeprefix("whsec_")), signed, "sha256").digest()
    assert headers["webhook-signature"] == f"v1,{b64encode(digest).decode()}"
    event: dict[str, Any] = json.loads(request.body)
    assert headers["webhook-id"] == event["id"]
    return event


class TestTelling:
    def test_the_end_of_a_run_is_delivered_once(self, submit, users, argo_events, argo, receiver: FileServer):
        made = hook(users, f"{receiver.url}/hook")
        name = ended(submit, argo_events, argo)

        assert sweep(submit)["notified"] == [name]
        assert sweep(submit)["notified"] == []

        [request] = receiver.requests
        assert request.headers["Content-Type"].startswith("application/cloudevents+json")
        event = verified(request, made["secret"])
        assert (event["type"], event["subject"]) == ("org.ogdc.run.succeeded", name)
        assert event["data"]["name"] == name
        assert event["data"]["status"] == "Succeeded"
        assert event["data"]["submitted_by"] == "ann"

    def test_argo_events_wakes_the_sweep_if_there_are_deliveries(
        self, submit, users, argo_events, argo, receiver
    ):
        name = started(submit, OGDC_User="ann")
        hook(users, f"{receiver.url}/hook")

        going_on = tell(argo_events, argo.advance(name, "Running"), Accept="")
        over = tell(argo_events, argo.advance(name, "Succeeded"), Accept="")

        assert going_on.status_code == 204
        assert over.headers["ce-type"] == "org.ogdc.sweep_requested"

    def test_without_webhooks_nothing_is_delivered(self, submit, argo_events, argo):
        name = started(submit)

        assert tell(argo_events, argo.advance(name, "Succeeded"), Accept="").status_code == 204

    def test_an_end_that_was_not_announced_is_found(
        self, submit, users, argo_events, argo, receiver, database: Database
    ):
        """As after a crash between the record of the end and its announcement."""
        hook(users, f"{receiver.url}/hook")
        name = ended(submit, argo_events, argo)
        with database.autocommit() as conn:
            conn.execute("DELETE FROM deliveries")
            conn.execute("UPDATE runs SET announced = NULL")

        assert sweep(submit)["notified"] == [name]

    def test_a_cancelled_run(self, submit, users, argo_events, argo, receiver):
        hook(users, f"{receiver.url}/hook")
        name = started(submit, OGDC_User="ann")
        tell(argo_events, argo.advance(name, "Running"))
        submit.post(f"/runs/{name}/cancel", headers={"OGDC-User": "ann"})

        sweep(submit)

        assert types(receiver) == ["org.ogdc.run.cancelled"]

    def test_a_retried_run_is_delivered_again_even_with_the_same_status(
        self, submit, users, argo_events, argo, receiver
    ):
        hook(users, f"{receiver.url}/hook")
        name = ended(submit, argo_events, argo, "Failed")
        sweep(submit)
        submit.post(f"/runs/{name}/retry", headers={"OGDC-User": "ann"})
        tell(argo_events, argo.advance(name, "Failed"))

        sweep(submit)

        assert types(receiver) == ["org.ogdc.run.failed", "org.ogdc.run.failed"]
        assert len({json.loads(request.body)["id"] for request in receiver.requests}) == 2

    @pytest.mark.parametrize(
        ("fields", "notified"),
        [
            ({"outcomes": ["failed"]}, False),
            ({"outcomes": ["succeeded", "failed"]}, True),
            ({"recipe_id": "seal-tags"}, True),
            ({"recipe_id": "another"}, False),
            ({"trigger": "new-tiles"}, False),
            ({"user": "bob"}, False),
        ],
    )
    def test_only_ends_that_a_webhook_selects_are_delivered(
        self, submit, users, argo_events, argo, receiver, fields: dict[str, Any], notified: bool
    ):
        hook(users, f"{receiver.url}/hook", **fields)
        ended(submit, argo_events, argo)

        sweep(submit)

        assert len(receiver.requests) == notified

    def test_the_end_of_a_run_is_sent_to_the_sink_of_the_deployment(self, environment, serve, argo, receiver):
        environment.setenv("K_SINK", f"{receiver.url}/hook")
        submit = serve("submit")
        name = ended(submit, serve("argo_events"), argo)

        sweep(submit)

        [request] = receiver.requests
        assert json.loads(request.body)["subject"] == name
        assert "webhook-signature" not in request.headers


class TestTryingAgain:
    def test_until_it_is_taken(self, submit, users, argo_events, argo, receiver, database: Database):
        made = hook(users, f"{receiver.url}/hook")
        receiver.routes["/hook"] = lambda request: Answer(status=503)
        name = ended(submit, argo_events, argo)

        assert sweep(submit)["left"] == [name]
        assert sweep(submit)["left"] == []  # not at once
        shown = users.get(f"/webhooks/{made['id']}", headers={"OGDC-User": "ann"}).get_json()
        [delivery] = shown["deliveries"]
        assert (delivery["run"], delivery["attempts"], delivery["message"]) == (name, 1, "it answers 503")
        assert delivery["next_attempt_at"] is not None

        receiver.routes["/hook"] = lambda request: Answer(status=200)
        due_again(database)
        assert sweep(submit)["notified"] == [name]
        first, second = receiver.requests
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]

    @pytest.mark.parametrize("status", [301, 400, 404, 500])
    def test_only_2xx_counts_as_delivered(self, submit, users, argo_events, argo, receiver, status: int):
        elsewhere = {"Location": f"{receiver.url}/elsewhere"}
        receiver.routes["/hook"] = lambda request: Answer(status=status, headers=elsewhere)
        hook(users, f"{receiver.url}/hook")
        ended(submit, argo_events, argo)

        assert sweep(submit)["notified"] == []
        assert [request.path for request in receiver.requests] == ["/hook"]

    def test_a_410_ends_the_deliveries(self, submit, users, argo_events, argo, receiver, database: Database):
        receiver.routes["/hook"] = lambda request: Answer(status=410)
        hook(users, f"{receiver.url}/hook")
        ended(submit, argo_events, argo)

        sweep(submit)
        due_again(database)
        sweep(submit)

        assert len(receiver.requests) == 1

    def test_a_delivery_is_given_up_eventually(
        self, submit, users, argo_events, argo, receiver, database: Database
    ):
        receiver.routes["/hook"] = lambda request: Answer(status=500)
        hook(users, f"{receiver.url}/hook")
        ended(submit, argo_events, argo)

        for _ in range(12):
            sweep(submit)
            due_again(database)

        assert len(receiver.requests) == 9

    def test_a_failing_webhook_is_not_called_for_each_run(self, submit, users, argo_events, argo, receiver):
        receiver.routes["/hook"] = lambda request: Answer(status=500)
        hook(users, f"{receiver.url}/hook")
        for name in ("one", "two", "three"):
            ended(submit, argo_events, argo, recipe=name)

        sweep(submit)

        assert len(receiver.requests) == 1

    def test_a_webhook_without_a_listener_is_reported(self, submit, users, argo_events, argo):
        made = hook(users, "http://127.0.0.1:9/hook")
        ended(submit, argo_events, argo)

        sweep(submit)

        shown = users.get(f"/webhooks/{made['id']}", headers={"OGDC-User": "ann"}).get_json()
        assert "does not answer" in shown["deliveries"][0]["message"]


def test_nothing_is_delivered_to_private_networks(environment, serve, argo, receiver):
    environment.setenv("OGDC_ALLOWED_NETWORKS", "[]")
    submit = serve("submit")
    users = serve("users")
    made = hook(users, f"{receiver.url}/hook")
    ended(submit, serve("argo_events"), argo)

    sweep(submit)

    assert receiver.requests == []
    shown = users.get(f"/webhooks/{made['id']}", headers={"OGDC-User": "ann"}).get_json()
    assert "no public address" in shown["deliveries"][0]["message"]


class TestManaging:
    def test_the_secret_is_shown_once(self, users):
        made = hook(users, "https://example.org/hook")

        listed = users.get("/webhooks", headers={"OGDC-User": "ann"}).get_json()["webhooks"]

        assert made["secret"].startswith("whsec_")
        assert listed == [{key: value for key, value in made.items() if key != "secret"}]

    def test_a_secret_can_be_chosen(self, users):
        secret = b64encode(b"0123456789abcdef01234567").decode()

        assert hook(users, "https://example.org/", secret=secret)["secret"] == f"whsec_{secret}"

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"url": "ftp://example.org/"}, "http or https"),
            ({"url": "https://ann:secret@example.org/"}, "without user name"),
            ({"url": "https://example.org/#x"}, "fragment"),
            ({"url": "https://[::1/"}, "http or https"),
            ({"url": "https://example.org:99999/"}, "http or https"),
            ({"outcomes": ["over"]}, "over"),
            ({"outcomes": []}, "outcomes"),
            ({"secret": "c2hvcnQ="}, "24 to 64 bytes"),
            ({"secret": "no base64"}, "base64"),
            ({"recipe": "x"}, "recipe"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, users, fields: dict[str, Any], refusal: str):
        answer = users.post("/webhooks", json={"url": "https://example.org/"} | fields)

        assert answer.status_code == 400
        assert refusal in answer.get_json()["detail"]

    def test_the_number_of_webhooks_is_limited(self, users):
        for number in range(20):
            hook(users, f"https://example.org/{number}")

        answer = users.post("/webhooks", json={"url": "https://example.org/"}, headers={"OGDC-User": "ann"})

        assert answer.status_code == 409
        assert "Remove one first" in answer.get_json()["detail"]

    def test_a_removed_webhook_gets_no_deliveries(self, submit, users, argo_events, argo, receiver):
        made = hook(users, f"{receiver.url}/hook")
        ended(submit, argo_events, argo)

        removed = users.delete(f"/webhooks/{made['id']}", headers={"OGDC-User": "ann"})
        sweep(submit)

        assert removed.status_code == 200
        assert receiver.requests == []
        for user in ("ann", "bob"):
            assert users.get("/webhooks", headers={"OGDC-User": user}).get_json() == {"webhooks": []}

    def test_an_unknown_webhook_is_404(self, users):
        assert users.get("/webhooks/none").status_code == 404
