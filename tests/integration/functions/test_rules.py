"""Permissions: the table in docs/access.md compared with the responses of every function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ogdc_shared.api.routes import ROUTES, Route
from ogdc_shared.auth.caller import OWN_ISSUER
from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.database import Database
from ogdc_shared.db.workflow_state import record_state
from ogdc_shared.processes.record import NewProcess, add_process
from ogdc_shared.triggers.record import NewTrigger, add_trigger
from ogdc_shared.webhooks.record import NewWebhook, add_webhook
from support.accounts import Member, member
from support.records import state, submit

PAGE = Path(__file__).parents[3] / "docs" / "access.md"
ROLES = (None, *Role)
RULED = [route for route in ROUTES if route.permission.role]


def rules() -> dict[str, dict[Role | None, str]]:
    """`METHOD /path` → role (None: nobody has logged in) → `yes`, `own`, or the status of its refusal."""
    row = r"^\| `(\S+ \S+)` \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$"
    rows = re.findall(row, PAGE.read_text(), re.MULTILINE)
    return {call: dict(zip(ROLES, cells, strict=True)) for call, *cells in rows}


def test_every_authenticated_route_has_a_rule():
    assert rules().keys() == {f"{route.method} {route.path}" for route in RULED}


@pytest.fixture
def environment(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("ACCESS_MODE", "authenticated")
    return environment


PROCESS = {
    "title": "Seals",
    "jobControlOptions": ["async-execute"],
    "outputTransmission": ["reference"],
    "inputs": {},
    "outputs": {},
}


class Things(NamedTuple):
    """What a user has, or nobody else."""

    run: str
    trigger: str
    token: str
    user: str
    webhook: str
    process: str


def things(database: Database, owner: Member) -> Things:
    """Give a user a failed run, a trigger and a token, anew each time."""
    names = f"{owner.name}-{next(_numbers)}"
    with database.transaction() as conn:
        run = submit(conn, names, submitted_by=owner.id)
        record_state(conn, state(names, phase="Succeeded"))
        trigger = NewTrigger(names, "uploads", "**", [], None, False, True, None)
        add_trigger(conn, trigger, owner=owner.id)
        hook = add_webhook(
            conn, NewWebhook("https://example.org/", bytes(32), [], None, None), owner=owner.id
        )
        add_process(conn, NewProcess(names, "0" * 64, PROCESS, owner=owner.id))
    spare = member(database, f"{names}-program", Role.VIEWER, issuer=OWN_ISSUER)
    with database.autocommit() as conn:
        conn.execute("UPDATE api_tokens SET owner = %s WHERE id = %s", (owner.id, spare.token_id))
    return Things(run.name, names, str(spare.token_id), str(spare.id), str(hook.id), names)


_numbers = iter(range(1_000_000))


class Asked(NamedTuple):
    """A request about somebody's things."""

    path: str
    query: Mapping[str, Any] = {}
    json: object = None


def asked(route: Route, of: Things, *, others: bool) -> Asked:
    """What to ask for, such that nothing but a rule refuses it with 401 or 403."""
    named = {"name": of.trigger if "/triggers" in route.path else of.run}
    path = route.path.format(
        **named,
        token_id=of.token,
        user_id=of.user,
        webhook_id=of.webhook,
        process=of.process,
        path="a.tif",
        stage="process",
        partition=0,
    )
    if route.name == "list_tokens":
        return Asked(path, query={"all": "true"} if others else {})
    if route.name == "add_token":
        return Asked(path, json={"name": "x", "role": "viewer"} | ({"user": of.user} if others else {}))
    if route.name == "execute":
        return Asked(path, json={"inputs": "none"})
    if route.name == "change_user":
        return Asked(path, json={"role": "viewer"})
    return Asked(path, json={"neither": "this", "nor": "that"} if route.request else None)


_HIDDEN_FROM_OTHERS = {"revoke_token", "show_webhook", "remove_webhook"}
"""What is another's is answered as what is not there."""


def expected(rule: str, route: Route, *, others: bool) -> set[str]:
    if rule == "own" and others:
        return {"404" if route.name in _HIDDEN_FROM_OTHERS else "403"}
    return {"let in"} if rule in {"own", "yes"} else {rule}


@pytest.mark.parametrize("route", RULED, ids=lambda route: route.name)
def test_each_role_has_the_documented_permissions_on_own_and_others_objects(
    route: Route, serve: Callable[[str], Any], database: Database
):
    members = {role: None if role is None else member(database, role, role) for role in ROLES}
    stranger = member(database, "stranger")
    client = serve(route.functions[0])
    found: dict[tuple[Role | None, bool], str] = {}
    wanted = {
        (role, others): expected(rule, route, others=others)
        for role, rule in rules()[f"{route.method} {route.path}"].items()
        for others in (False, True)
    }
    for role, others in wanted:
        caller = members[role]
        owner = stranger if others or caller is None else caller
        request = asked(route, things(database, owner), others=others)
        answer = client.open(
            request.path,
            method=route.method,
            query_string=request.query,
            json=request.json,
            headers=caller.headers if caller else {},
        )
        assert answer.status_code < 500, answer.text
        hidden = answer.status_code == 404 and route.name in _HIDDEN_FROM_OTHERS
        refused = answer.status_code in {401, 403} or hidden
        found[role, others] = str(answer.status_code) if refused else "let in"

    assert {case: {outcome} for case, outcome in found.items()} == wanted


@pytest.mark.parametrize("route", RULED, ids=lambda route: route.name)
def test_only_reading_runs_can_be_opened_to_everybody(
    route: Route, serve: Callable[[str], Any], database: Database, environment: pytest.MonkeyPatch
):
    environment.setenv("OGDC_PUBLIC_READ", "true")
    of = things(database, member(database, "anna"))
    request = asked(route, of, others=False)
    answer = serve(route.functions[0]).open(request.path, method=route.method, json=request.json)

    opened = ("/status", "/output", "/runs", "/triggers", "/processes", "/jobs")
    about_runs = route.method == "GET" and route.path.startswith(opened)
    assert (answer.status_code != 401) == about_runs


def test_a_rejected_request_names_the_missing_role_and_the_login(serve, database, environment):
    environment.setenv("OGDC_PUBLIC_URL", "https://ogdc.example.org/api/")
    viewer, anna = member(database, "vera", Role.VIEWER), member(database, "anna")
    of = things(database, anna)
    submit_service = serve("submit")
    where = 'resource_metadata="https://ogdc.example.org/api/.well-known/oauth-protected-resource"'

    nobody = submit_service.delete(f"/runs/{of.run}")
    assert nobody.headers["WWW-Authenticate"] == f"Bearer {where}"
    garbled = submit_service.delete(f"/runs/{of.run}", headers={"Authorization": "Bearer ogdc_x"})
    assert garbled.headers["WWW-Authenticate"] == f'Bearer error="invalid_token", {where}'
    too_little = submit_service.delete(f"/runs/{of.run}", headers=viewer.headers)
    reason = "requires the role submitter, but vera with the token 'veras' has the role viewer"
    assert reason in too_little.get_json()["detail"]
    assert too_little.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", {where}'
    others = submit_service.delete(f"/runs/{of.run}", headers=member(database, "bert").headers)
    assert "(anna) belongs to another user" in others.get_json()["detail"]


def test_without_a_setting_the_api_url_comes_from_the_request(serve):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.example.net"}
    answer = serve("status").get("/runs", headers=headers)

    assert (
        "https://api.example.net/.well-known/oauth-protected-resource" in answer.headers["WWW-Authenticate"]
    )


@pytest.mark.parametrize("name", ["submit", "status", "users", "upload", "argo_events"])
def test_every_response_has_security_headers(serve, name):
    client = serve(name)
    for path in ("/healthz", "/nothing/here", "/robots.txt", "/me", "/runs"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
