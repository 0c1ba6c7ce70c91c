"""Users, API tokens and the audit log of the users function, and their effects on other functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
import urllib3
from flask.testing import FlaskClient
from psycopg import sql

from ogdc_shared.accounts.login import caller_of_identity
from ogdc_shared.accounts.tokens import add_token
from ogdc_shared.api.requests import TokenRequest
from ogdc_shared.auth.oidc.issuers import Identity
from ogdc_shared.auth.permissions import Role
from ogdc_shared.auth.tokens import is_token, new_token
from ogdc_shared.config import AccessSettings, Settings
from ogdc_shared.context import Context
from ogdc_shared.db.database import Database
from ogdc_shared.db.users import find_user
from ogdc_shared.errors import ForbiddenError
from ogdc_shared.oidc_settings import OidcSettings, TrustedIssuer
from support.accounts import ISSUER, Member, bearer, member
from support.collector import Collector
from support.records import submit
from support.runs import bundle, recipe_files
from support.services import Service

GZIP = {"Content-Type": "application/gzip"}


@pytest.fixture
def environment(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("ACCESS_MODE", "authenticated")
    return environment


@pytest.fixture
def users(serve: Callable[[str], FlaskClient]) -> FlaskClient:
    return serve("users")


@pytest.fixture
def admin(database: Database) -> Member:
    return member(database, "ada", Role.ADMIN)


@pytest.fixture
def anna(database: Database) -> Member:
    return member(database, "anna")


def make_token(users: FlaskClient, by: Member, **asked: object) -> dict:
    answer = users.post("/tokens", json={"name": "laptop"} | asked, headers=by.headers)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def names(users: FlaskClient, of: Member) -> dict[str, dict]:
    """Somebody's tokens by their names."""
    return {each["name"]: each for each in users.get("/tokens", headers=of.headers).get_json()["tokens"]}


class TestMe:
    def test_a_caller_is_told_who_they_are_and_by_which_token(self, users, anna):
        assert users.get("/me", headers=anna.headers).get_json() == {
            "name": "anna",
            "issuer": ISSUER,
            "subject": "anna",
            "role": "submitter",
            "id": str(anna.id),
            "token": {
                "id": str(anna.token_id),
                "name": "annas",
                "role": "submitter",
                "expires_at": users.get("/tokens", headers=anna.headers).get_json()["tokens"][0][
                    "expires_at"
                ],
            },
        }

    def test_without_authentication_the_given_name_is_used(self, environment, serve):
        environment.setenv("ACCESS_MODE", "open")
        me = serve("users").get("/me", headers={"OGDC-User": "anna"}).get_json()

        assert me == {
            "name": "anna",
            "issuer": "open",
            "subject": "anna",
            "role": "admin",
            "id": None,
            "token": None,
        }


class TestTokens:
    def test_a_token_is_shown_once_and_has_the_permissions_of_its_owner(self, users, anna):
        made = make_token(users, anna)

        assert is_token(made["token"])
        assert (made["role"], made["owner_id"], made["last_used_on"]) == ("submitter", str(anna.id), None)
        assert 89 <= (datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)).days <= 90
        listed = users.get("/tokens", headers=bearer(made["token"])).get_json()
        assert listed["total"] == 2
        assert [each["name"] for each in listed["tokens"]] == ["annas", "laptop"]
        assert made["token"] not in str(listed)

    def test_the_day_of_the_last_use_of_a_token_is_recorded(self, users, anna, database):
        def today() -> str:
            with database.autocommit() as conn:
                return conn.execute("SELECT current_date::text").fetchone()[0]

        made, before = make_token(users, anna), today()
        for _ in range(2):
            users.get("/me", headers=bearer(made["token"]))

        assert before <= names(users, anna)["laptop"]["last_used_on"] <= today()

    def test_a_revoked_token_is_refused_by_the_next_request_to_any_service(self, users, serve, anna):
        made = make_token(users, anna)
        status = serve("status")
        assert status.get("/runs", headers=bearer(made["token"])).status_code == 200
        assert users.delete(f"/tokens/{made['id']}", headers=anna.headers).get_json()["revoked_at"]

        refused = status.get("/runs", headers=bearer(made["token"]))
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        again = users.delete(f"/tokens/{made['id']}", headers=anna.headers)
        assert again.status_code == 200
        assert [each["name"] for each in users.get("/tokens", headers=anna.headers).get_json()["tokens"]] == [
            "annas"
        ]

    def test_a_token_expires(self, users, anna, database):
        with database.autocommit() as conn:
            conn.execute("UPDATE api_tokens SET expires_at = now() - interval '1 second'")
        refused = users.get("/me", headers=anna.headers)

        assert refused.status_code == 401
        assert "expired on" in refused.get_json()["detail"]

    def test_a_token_can_have_a_lower_role_and_create_no_higher_tokens(self, users, serve, admin):
        little = make_token(users, admin, role="viewer")
        assert serve("submit").post("/submit", headers=bearer(little["token"])).status_code == 403
        refused = users.post("/tokens", json={"name": "x", "role": "admin"}, headers=bearer(little["token"]))

        assert refused.status_code == 403
        assert "allow at most viewer" in refused.get_json()["detail"]

    def test_a_token_loses_permissions_with_its_owner(self, users, serve, admin, anna):
        change = {"role": "viewer"}
        assert users.patch(f"/users/{anna.id}", json=change, headers=admin.headers).status_code == 200

        assert serve("submit").post("/submit", headers=anna.headers).status_code == 403
        assert users.get("/me", headers=anna.headers).get_json()["role"] == "viewer"

    @pytest.mark.parametrize("days", [0, -1, 366, 10**12, "90", 1.5])
    def test_no_token_is_valid_for_longer_than_the_deployment_allows(self, users, anna, days):
        refused = users.post("/tokens", json={"name": "x", "days": days}, headers=anna.headers)

        assert refused.status_code == 400
        assert "days" in refused.get_json()["detail"]

    def test_admins_can_create_tokens_only_for_users_of_the_service_itself(self, users, admin, anna):
        asked = {"subject": "nightly", "role": "submitter"}
        program = users.post("/users", json=asked, headers=admin.headers).get_json()
        assert program["issuer"] == "ogdc"
        made = make_token(users, admin, user=program["id"])
        assert (made["owner"], made["role"]) == ("nightly", "submitter")
        assert users.get("/me", headers=bearer(made["token"])).get_json()["name"] == "nightly"

        theirs = users.post("/tokens", json={"name": "x", "user": str(anna.id)}, headers=admin.headers)
        assert theirs.status_code == 403
        assert "log in" in theirs.get_json()["detail"]

    def test_admins_revoke_others_tokens(self, users, admin, anna):
        assert users.delete(f"/tokens/{anna.token_id}", headers=admin.headers).status_code == 200
        assert users.get("/me", headers=anna.headers).status_code == 401

    def test_a_token_with_a_wrong_checksum_is_rejected_without_a_query(self, environment, serve):
        environment.setenv("OGDC_DB_HOST", "/nowhere")
        users, token = serve("users"), new_token()
        changed = token[:-1] + ("0" if token[-1] != "0" else "1")

        assert users.get("/me", headers=bearer(changed)).status_code == 401
        assert users.get("/me", headers=bearer(token)).status_code == 503

    def test_a_token_that_was_never_made_is_refused(self, users):
        assert users.get("/me", headers=bearer(new_token())).status_code == 401


class TestUsers:
    def test_an_admin_adds_users_and_gives_them_roles(self, users, admin):
        asked = {"subject": "0000-0002-1825-0097", "issuer": ISSUER, "name": "Josiah", "role": "viewer"}
        added = users.post("/users", json=asked, headers=admin.headers).get_json()
        assert (added["name"], added["role"], added["given_role"]) == ("Josiah", "viewer", "viewer")
        again = users.post("/users", json=asked, headers=admin.headers)
        assert again.status_code == 409

        def change(**what: object) -> dict:
            answer = users.patch(f"/users/{added['id']}", json=what, headers=admin.headers)
            assert answer.status_code == 200, answer.text
            return answer.get_json()

        assert change(role="submitter")["role"] == "submitter"
        assert change(disabled=True)["disabled_at"]
        assert change(role=None)["given_role"] is None
        assert change()["role"] == "viewer", "the deployment's default"
        assert change(disabled=False)["disabled_at"] is None
        shown = users.get(f"/users/{added['id']}", headers=admin.headers).get_json()
        listed = users.get("/users?limit=1&offset=1", headers=admin.headers).get_json()
        assert (listed["total"], listed["users"]) == (2, [shown])

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"subject": ""},
            {"subject": "x", "role": "king"},
            {"subject": "x", "issuer": "open"},
            {"subject": "x", "issuer": ""},
            {"subject": "a\nb"},
            {"subject": "x", "name": "\x1b[31m"},
            {"subject": "x", "more": 1},
            [],
            "x",
        ],
    )
    def test_what_is_no_user_is_refused(self, users, admin, asked):
        refused = users.post("/users", json=asked, headers=admin.headers)

        assert refused.status_code == 400

    @pytest.mark.parametrize("user_id", ["nobody", "00000000-0000-0000-0000-000000000000"])
    def test_an_unknown_user_is_reported(self, users, admin, user_id):
        assert users.get(f"/users/{user_id}", headers=admin.headers).status_code == 404
        assert users.patch(f"/users/{user_id}", json={}, headers=admin.headers).status_code == 404
        assert users.delete(f"/tokens/{user_id}", headers=admin.headers).status_code == 404

    @pytest.mark.parametrize("change", [{"disabled": True}, {"role": "viewer"}, {"role": None}])
    def test_admins_cannot_lock_themselves_out(self, users, admin, change):
        refused = users.patch(f"/users/{admin.id}", json=change, headers=admin.headers)

        assert refused.status_code == 409
        assert users.get("/me", headers=admin.headers).get_json()["role"] == "admin"

    def test_who_is_disabled_is_refused_by_every_service_at_once(self, users, serve, admin, anna):
        status = serve("status")
        assert status.get("/runs", headers=anna.headers).status_code == 200
        users.patch(f"/users/{anna.id}", json={"disabled": True}, headers=admin.headers)

        refused = status.get("/runs", headers=anna.headers)
        assert refused.status_code == 403
        assert "anna is disabled" in refused.get_json()["detail"]
        assert "WWW-Authenticate" not in refused.headers, "no other token would do"
        users.patch(f"/users/{anna.id}", json={"disabled": False}, headers=admin.headers)
        assert status.get("/runs", headers=anna.headers).status_code == 200


class TestLogins:
    @pytest.fixture
    def context(self, database) -> Context:
        settings = Settings(access_mode="authenticated", database=database._settings)
        return Context(settings)

    def with_access(self, context: Context, **access: object) -> Context:
        return Context(context.settings._replace(access=AccessSettings(**access)))  # type: ignore[arg-type]

    def test_a_user_seen_first_by_many_requests_at_once_is_one_user(self, context, database):
        together = Barrier(16)

        def log_in(_: int):
            together.wait(300)
            return caller_of_identity(context, Identity(ISSUER, "0000-1", "Anna", Role.SUBMITTER)).user_id

        with ThreadPoolExecutor(16) as threads:
            found = set(threads.map(log_in, range(16)))

        with database.autocommit() as conn:
            assert found == {find_user(conn, "0000-1", issuer=ISSUER).id}
        context.close()

    def test_a_login_brings_the_name_and_the_role_along(self, context):
        first = caller_of_identity(context, Identity(ISSUER, "0000-1", "Anna", Role.SUBMITTER))
        later = caller_of_identity(context, Identity(ISSUER, "0000-1", "Anna B.", None))

        assert (first.role, later.role) == (Role.SUBMITTER, Role.VIEWER)
        assert (later.name, later.user_id, later.subject) == ("Anna B.", first.user_id, "0000-1")
        context.close()

    def test_two_subjects_with_the_same_name_are_two_users(self, context):
        callers = [caller_of_identity(context, Identity(ISSUER, sub, "Anna", None)) for sub in ("1", "2")]

        assert len({each.user_id for each in callers}) == 2
        context.close()

    def test_without_automatic_users_an_admin_adds_them_first(self, context, database):
        closed = self.with_access(context, create_users=False)
        with pytest.raises(ForbiddenError, match="add the user 0000-1 of the issuer"):
            caller_of_identity(closed, Identity(ISSUER, "0000-1", "Anna", Role.ADMIN))
        known = member(database, "0000-1", Role.VIEWER)

        assert caller_of_identity(closed, Identity(ISSUER, "0000-1", "Anna", Role.ADMIN)).user_id == known.id
        closed.close()

    def test_the_role_that_an_admin_gave_counts_before_that_of_the_login(self, context, database):
        member(database, "0000-1", Role.VIEWER)

        assert caller_of_identity(context, Identity(ISSUER, "0000-1", "A", Role.ADMIN)).role == Role.VIEWER
        context.close()

    def test_a_user_without_a_role_is_rejected_if_there_is_no_default(self, context):
        strict = self.with_access(context, default_role="none")
        with pytest.raises(ForbiddenError, match="has no role"):
            caller_of_identity(strict, Identity(ISSUER, "0000-1", "Anna", None))
        strict.close()

    def test_a_login_by_grants_cannot_create_a_token(self, context):
        jobs = OidcSettings(others=(TrustedIssuer(issuer=ISSUER, audience=("ogdc",)),))
        bound = Context(context.settings._replace(oidc=jobs))
        job = caller_of_identity(bound, Identity(ISSUER, "repo:x", "x", Role.SUBMITTER))
        with pytest.raises(ForbiddenError, match="could outlive"):
            add_token(bound, TokenRequest(name="kept"), caller=job)
        bound.close()


class TestActs:
    def test_every_act_records_the_user_and_the_token(self, users, serve, admin, anna, database):
        program = users.post("/users", json={"subject": "nightly"}, headers=admin.headers).get_json()
        users.patch(f"/users/{program['id']}", json={"role": "viewer"}, headers=admin.headers)
        token = make_token(users, anna)
        users.delete(f"/tokens/{token['id']}", headers=anna.headers)
        submit_service = serve("submit")
        trigger = {"name": "tiles", "bucket": "uploads"}
        assert submit_service.post("/triggers", json=trigger, headers=anna.headers).status_code == 200
        assert submit_service.delete("/triggers/tiles", headers=admin.headers).status_code == 200
        files = {**GZIP, **anna.headers}
        run = submit_service.post("/submit", data=bundle(recipe_files()), headers=files).get_json()
        name = run["recipe_workflow_name"]
        assert submit_service.post(f"/runs/{name}/cancel", headers=admin.headers).status_code == 200

        acts = users.get("/audit", headers=admin.headers).get_json()["acts"]
        assert [(act["user"], act["action"], act["object"]) for act in reversed(acts)] == [
            ("ada", "user.add", program["id"]),
            ("ada", "user.change", program["id"]),
            ("anna", "token.add", token["id"]),
            ("anna", "token.revoke", token["id"]),
            ("anna", "trigger.add", "tiles"),
            ("ada", "trigger.remove", "tiles"),
            ("anna", "run.submit", name),
            ("ada", "run.cancel", name),
        ]
        assert {act["token_id"] for act in acts} == {str(admin.token_id), str(anna.token_id)}
        assert acts[1]["details"] == {"recipe": "seal-tags", "started_by": "user"}

        replaced = submit_service.post(
            "/submit?overwrite=true", data=bundle(recipe_files("New")), headers=files
        )
        newest = users.get("/audit?limit=1", headers=admin.headers).get_json()["acts"][0]
        assert newest["object"] == replaced.get_json()["recipe_workflow_name"]
        assert newest["details"]["overwrite"] is True

        def found(**query: str) -> list[str]:
            answer = users.get("/audit", query_string=query, headers=admin.headers).get_json()
            return [act["action"] for act in answer["acts"]]

        assert found(user="anna", action="run.submit") == ["run.submit"] * 2
        assert found(object=name) == ["run.cancel", "run.submit"]
        assert found(user=str(admin.id), object=name) == ["run.cancel"]
        assert found(user="nobody") == []

    def test_the_audit_log_is_paginated(self, users, admin):
        for number in range(5):
            users.post("/users", json={"subject": str(number)}, headers=admin.headers)
        first = users.get("/audit?limit=3", headers=admin.headers).get_json()
        rest = users.get(f"/audit?limit=3&before={first['next']}", headers=admin.headers).get_json()

        subjects = [act["details"]["subject"] for act in first["acts"] + rest["acts"]]
        assert (subjects, rest["next"]) == (["4", "3", "2", "1", "0"], None)

    @pytest.mark.parametrize(
        "statement", ["UPDATE audit SET actor = NULL", "DELETE FROM audit", "TRUNCATE audit"]
    )
    def test_acts_cannot_be_changed_or_removed(self, users, admin, database, statement):
        users.post("/users", json={"subject": "x"}, headers=admin.headers)
        with (
            pytest.raises(psycopg.errors.RaiseException, match="stays on record"),
            database.autocommit() as conn,
        ):
            conn.execute(statement)

        assert len(users.get("/audit", headers=admin.headers).get_json()["acts"]) == 1

    def test_unauthenticated_acts_have_the_given_name(self, environment, serve, database):
        environment.setenv("ACCESS_MODE", "open")
        serve("submit").post("/triggers", json={"name": "t", "bucket": "b"}, headers={"OGDC-User": "bert"})

        with database.autocommit() as conn:
            query = "SELECT issuer, users.name FROM audit JOIN users ON users.id = actor"
            assert conn.execute(query).fetchall() == [("open", "bert")]


class TestLimits:
    def submit(self, client: FlaskClient, by: Member, name: str):
        return client.post("/submit", data=bundle(recipe_files(name)), headers={**GZIP, **by.headers})

    def test_concurrent_submissions_are_accepted_up_to_the_limit(
        self, environment, serve, anna, database, artifacts
    ):
        environment.setenv("OGDC_MAX_QUEUED_RUNS", "3")
        environment.setenv("OGDC_DB_POOL_SIZE", "16")
        environment.setenv("OGDC_DB_TIMEOUT", "60")
        environment.setenv("ARGO_TIMEOUT", "60")
        for module in ("connection", "database"):  # each waits for those before it, however slow the machine
            environment.setattr(f"ogdc_shared.db.{module}.STATEMENT_SECONDS", 300)
        submit_service, together = serve("submit"), Barrier(16)

        def send(number: int):
            together.wait(300)
            return self.submit(submit_service.application.test_client(), anna, f"r{number}")

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(send, range(16)))

        assert sorted(each.status_code for each in answers) == [200] * 3 + [429] * 13
        for refused in answers:
            if refused.status_code == 429:
                assert "the limit is 3 (OGDC_MAX_QUEUED_RUNS)" in refused.get_json()["detail"]
                assert int(refused.headers["Retry-After"]) > 0
        with database.autocommit() as conn:
            assert conn.execute("SELECT count(*) FROM runs").fetchone() == (3,)
        assert len([*(artifacts / "runs").iterdir()]) == 3, "nothing is left of those that were refused"

    def test_limits_count_for_each_user(self, environment, serve, anna, admin):
        environment.setenv("OGDC_MAX_QUEUED_RUNS", "1")
        client = serve("submit")

        assert self.submit(client, anna, "a").status_code == 200
        assert self.submit(client, anna, "b").status_code == 429
        assert self.submit(client, admin, "c").status_code == 200

    def test_a_repeated_request_is_answered_at_the_limit(self, environment, serve, anna):
        environment.setenv("OGDC_MAX_QUEUED_RUNS", "1")
        client, headers = serve("submit"), {**GZIP, **anna.headers, "Idempotency-Key": "k"}
        first, again = (
            client.post("/submit", data=bundle(recipe_files()), headers=headers) for _ in range(2)
        )

        assert first.get_json() == again.get_json()

    def test_a_retried_run_counts_towards_the_limit(self, environment, serve, anna, database):
        environment.setenv("OGDC_MAX_QUEUED_RUNS", "1")
        with database.transaction() as conn:
            submit(conn, "failed-1", submitted_by=anna.id)
            conn.execute("UPDATE runs SET phase = 'Failed', workflow_uid = 'u', handed_over_at = now()")
            submit(conn, "pending-1", submitted_by=anna.id)

        assert serve("submit").post("/runs/failed-1/retry", headers=anna.headers).status_code == 429

    def test_too_many_requests_are_refused_for_a_while(self, environment, serve, anna, admin):
        environment.setenv("OGDC_MAX_REQUESTS", "2")
        environment.setattr("ogdc_shared.accounts.identify.monotonic", lambda: 0.0)
        status = serve("status")
        codes = [status.get("/runs", headers=anna.headers).status_code for _ in range(2)]
        refused = status.get("/runs", headers=anna.headers)

        assert (codes, refused.status_code) == ([200, 200], 429)
        assert refused.headers["Retry-After"] == "30"
        assert "2 a minute" in refused.get_json()["detail"]
        assert status.get("/runs", headers=admin.headers).status_code == 200
        assert status.get("/healthz").status_code == 200

    def test_without_authentication_there_are_no_limits(self, environment, serve):
        environment.setenv("ACCESS_MODE", "open")
        environment.setenv("OGDC_MAX_REQUESTS", "1")
        status = serve("status")

        assert [status.get("/runs").status_code for _ in range(3)] == [200] * 3


def everything(database: Database) -> str:
    """All rows of all tables."""
    with database.autocommit() as conn:
        tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [
            conn.execute(sql.SQL("SELECT {0}::text FROM {0}").format(sql.Identifier(name))).fetchall()
            for (name,) in tables
        ]
    return repr(rows)


class TestSecrecy:
    """No token is in the database, the log or a trace, however it came."""

    @pytest.fixture
    def collector(self) -> Iterator[Collector]:
        with Collector() as collector:
            yield collector

    def test_tokens_appear_in_no_log_response_or_table(
        self, environment, tmp_path: Path, database, admin, anna, collector
    ):
        environment.setenv("LOG_LEVEL", "DEBUG")
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        http, log = urllib3.PoolManager(retries=False), tmp_path / "users.log"
        with Service("users", log=log) as service:

            def ask(method: str, path: str, token: str, **options: object):
                return http.request(method, service.url + path, headers=bearer(token), timeout=300, **options)

            made = ask("POST", "/tokens", anna.token, json={"name": "laptop"}).json()
            secrets = {admin.token, anna.token, made["token"], new_token(), "ogdc_mistyped", "eyJh.eyJz.c2ln"}
            for token in secrets:
                ask("GET", "/me", token)
                ask("POST", "/users", token, body=b"{")
                ask("GET", f"/tokens/{token}", token)
            assert ask("GET", "/me", made["token"]).json()["token"]["name"] == "laptop"
            ask("DELETE", f"/tokens/{made['id']}", admin.token)
            http.clear()  # the server gives idle connections two more seconds
            service.terminate()
            service.wait()
        dump = everything(database)

        assert "laptop" in dump
        kept = {"log": log.read_text(), "dump": dump, "traces": repr(collector.messages)}
        assert kept["traces"] != "[]"
        for where, text in kept.items():
            assert [token for token in secrets if token in text.replace("\\", "")] == [], where
