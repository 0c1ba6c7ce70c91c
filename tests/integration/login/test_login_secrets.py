"""Secrets of logins are in no place that others can read: database, logs, traces, command lines, files."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from email.message import Message
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from ogdc_shared.config import DatabaseSettings
from support.accounts import bearer
from support.argo_server import ArgoServer
from support.collector import Collector
from support.logins import Command, User, command_lines
from support.oidc_provider import CLI_CLIENT, OidcProvider
from support.service import Service, serving

EVENT_TOKEN = "that the sources of events know"
SERVICE_CLIENT: dict[str, Any] = {
    "client_id": "ogdc",
    "client_secret": "s3cret of the service: %&+/",
    "grant_types": ["authorization_code", "refresh_token"],
}
NOBODYS = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmVk"


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        yield running


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def everything(database: DatabaseSettings) -> str:
    """All rows of all tables."""
    with psycopg.connect(host=database.host, dbname=database.name, user=database.user) as conn:
        tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return repr(
            [
                conn.execute(sql.SQL("SELECT {0}::text FROM {0}").format(sql.Identifier(name))).fetchall()
                for (name,) in tables
            ]
        )


def files_below(directory: Path, *, but: Path) -> str:
    """What all files hold, one after the other."""
    found = (path for path in directory.rglob("*") if path.is_file() and path != but)
    return "\n".join(path.read_text(errors="replace") for path in found)


def ask(
    service: Service, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[Message, Any]:
    """Ask without a word to the log, which is the service's alone; returns the headers and the answer."""
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=300)
    try:
        content = json.dumps(body) if body is not None else None
        connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.headers, json.loads(response.read() or b"null")
    finally:
        connection.close()


def log_in_by_browser(service: Service, provider: OidcProvider) -> dict[str, str]:
    """Log in by the service's own pages and renew that; returns every secret on the way."""
    back = f"{service.url}/authorize"
    provider.change(clients=[CLI_CLIENT, SERVICE_CLIENT | {"redirect_uris": [back]}])
    sent, _ = ask(service, "GET", "/login")
    [(name, morsel)] = SimpleCookie(sent["Set-Cookie"]).items()
    query = urlsplit(provider.visit_until_sent_back(sent["Location"], back)).query
    cookie = {"Cookie": f"{name}={morsel.value}"}
    shown = ask(service, "GET", f"/authorize?{query}", headers=cookie)[1]["token"]
    renewed = ask(service, "POST", "/refresh", body={"refresh_token": shown["refresh_token"]})[1]["token"]
    state, _, verifier = morsel.value.partition(".")
    return {
        "code": parse_qs(query)["code"][0],
        "state": state,
        "verifier": verifier,
        **{f"first {kind}": token for kind, token in shown.items()},
        **{f"renewed {kind}": token for kind, token in renewed.items()},
    }


def show_everywhere(service: Service, secret: str) -> None:
    """Show a secret where it does and does not belong, so that it could be printed in an error."""
    shown, quoted = bearer(secret), quote(secret, safe="")
    event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "x", "ce-ogdctoken": secret}
    ask(service, "GET", "/me", headers=shown)
    ask(service, "DELETE", f"/tokens/{quoted}", headers=shown)
    ask(service, "GET", f"/authorize?state=x&code={quoted}", headers={"Cookie": f"ogdc-login={quoted}"})
    ask(service, "POST", "/refresh", body={"refresh_token": secret, "scope": 7})
    ask(service, "POST", "/users", body=[secret], headers=shown)
    ask(service, "POST", "/events/upload", body={}, headers=event)


def test_secrets_of_logins_appear_nowhere(
    provider: OidcProvider,
    collector: Collector,
    database_settings: DatabaseSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    client_file = tmp_path / "client.json"
    url = f"{provider.issuer}/.well-known/openid-configuration"
    client_file.write_text(json.dumps(SERVICE_CLIENT | {"server_metadata_url": url}))
    settings = {
        "OIDC_CLIENT_SECRETS_FILE": str(client_file),
        "OGDC_OIDC_CLIENT": "ogdc-cli",
        "OGDC_EVENT_TOKEN": EVENT_TOKEN,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
    }
    caplog.set_level(logging.DEBUG)
    printed, running = "", b""
    with (
        ArgoServer("ogdc") as argo,
        serving(database_settings, argo, tmp_path / "service", **settings) as service,
    ):
        first_admin = service.first_admin()
        ada = User(tmp_path / "home", service.url, OGDC_STATE_DIR=str(tmp_path / "state"))
        root = User(tmp_path / "root", service.url, OGDC_TOKEN=first_admin)
        with Command(ada, "login", "--no-browser") as command:
            provider.approve(command.line_with("enter the code").split()[-1])
            running += command_lines()
            printed += repr(command.ended())
        made = ada.cli("tokens", "create", "laptop")
        secrets = {
            "first admin": first_admin,
            "API token": made.out.strip(),
            "JWT": str(ada.login.access_token),
            "refresh token": str(ada.login.refresh_token),
            "client": SERVICE_CLIENT["client_secret"],
            "events": EVENT_TOKEN,
            "nobody's": NOBODYS,
            **log_in_by_browser(service, provider),
        }
        with Command(root, "tokens", "list", "--all") as command:
            command.line_with("laptop")
            running += command_lines()
            printed += repr(command.ended())
        for secret in secrets.values():
            show_everywhere(service, secret)
        printed += made.err + repr(ada.cli("tokens", "revoke", "laptop")) + repr(ada.cli("logout"))
    client_file.unlink()
    shown = {
        "database": everything(database_settings),
        "log": caplog.text,
        "traces": repr(collector.messages),
        "command lines": running.decode(errors="replace"),
        "terminal": printed,
        "files": files_below(tmp_path, but=ada.file),
    }

    assert "laptop" in shown["database"]
    assert "a token was refused" in shown["log"]
    assert "/authorize" in shown["traces"]
    assert "ogdc_cli" in shown["command lines"]
    for where, text in shown.items():
        assert [name for name, secret in secrets.items() if secret in text.replace("\\", "")] == [], where
