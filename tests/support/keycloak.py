"""Keycloak as DataONE runs it: a realm with roles as client scopes, tokens without an audience, ORCID iDs.

It is fetched from Maven Central (177 MB, once), and takes a minute to start, so its tests are asked for:
`pytest -m keycloak`. It takes Java 17 or newer, and Maven.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

import pytest

from support.ports import free_ports
from support.stack import wait_until

VERSION = "26.7.3"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_ADMIN = {"username": "admin", "password": "admin of the tests"}
REALM = "dataone"
USER = {"username": "ada", "password": "ada's own"}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SERVICE = {"client_id": "ogdc", "client_secret": "of the service"}
SCOPES = ("ogdc:submit", "ogdc:admin")


class Keycloak:
    """Listens on 127.0.0.1 from `__enter__` to `__exit__`.

    Attributes:
        issuer: The realm's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        [self._port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}"
        self.issuer = f"{self.url}/realms/{REALM}"

    def __enter__(self) -> Keycloak:
        home = _unpacked(self._directory)
        environ = os.environ | {
            "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN["username"],
            "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN["password"],
        }
        with (self._directory / "keycloak.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "bash",
                    home / "bin" / "kc.sh",
                    "start-dev",
                    "--http-host=127.0.0.1",
                    f"--http-port={self._port}",
                ],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._is_up, seconds=900)
            self._make_realm()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._process.terminate()  # kc.sh has become Java
        self._process.wait(300)

    def tokens(self, scope: str = "openid ogdc:submit") -> dict[str, Any]:
        """Return the result of the device grant, after the user consented in a browser."""
        client = {"client_id": "ogdc-cli"}
        asked = self.post("auth/device", client | {"scope": scope})
        Browser().say_yes(asked["verification_uri_complete"])
        return self.post("token", client | {"grant_type": DEVICE_GRANT, "device_code": asked["device_code"]})

    def password_tokens(self, client_id: str, scope: str = "openid") -> dict[str, Any]:
        """Return the tokens of a client that has the user's password."""
        return self.post("token", USER | {"grant_type": "password", "client_id": client_id, "scope": scope})

    def post(self, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Send a form to an endpoint of the realm, and return the response."""
        return _send(f"{self.issuer}/protocol/openid-connect/{endpoint}", form=form)

    def add_key(self) -> None:
        """Let the realm sign with a new key from now on."""
        kind = {"providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider"}
        config = {"priority": ["900"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]}
        self._admin(f"{REALM}/components", {"name": "next", "config": config, **kind})

    def _is_up(self) -> bool:
        assert self._process.poll() is None, (self._directory / "keycloak.log").read_text()
        try:
            _send(f"{self.url}/realms/master/.well-known/openid-configuration")
        except (URLError, OSError):
            return False
        return True

    def _make_realm(self) -> None:
        self._admin("", {"realm": REALM, "enabled": True, "sslRequired": "none"})
        self._admin(f"{REALM}/users/profile", _profile(), method="PUT")
        for scope in SCOPES:
            shown = {"include.in.token.scope": "true"}
            self._admin(
                f"{REALM}/client-scopes",
                {"name": scope, "protocol": "openid-connect", "attributes": shown},
            )
        for client in _clients():
            self._admin(f"{REALM}/clients", client)
        secret = [{"type": "password", "value": USER["password"], "temporary": False}]
        about = {
            "email": "ada@example.org",
            "firstName": "Ada",
            "lastName": "Lovelace",
            "emailVerified": True,
        }
        orcid = {"orcid": ["0000-0002-1825-0097"]}
        person = {"username": USER["username"], "enabled": True, "credentials": secret, "attributes": orcid}
        self._admin(f"{REALM}/users", person | about)

    def _admin(self, path: str, body: Any, *, method: str = "POST") -> None:
        form = _ADMIN | {"grant_type": "password", "client_id": "admin-cli"}
        token = _send(f"{self.url}/realms/master/protocol/openid-connect/token", form=form)["access_token"]
        url = f"{self.url}/admin/realms/{path}".rstrip("/")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = Request(url, json.dumps(body).encode(), headers, method=method)
        _opener().open(request, timeout=300).close()


class _Cookies(DefaultCookiePolicy):
    """Sends `Secure` cookies to this machine without encryption, as browsers do and Keycloak expects."""

    def return_ok_secure(self, cookie: Any, request: Any) -> bool:
        return True


class Browser:
    """Logs the user in on Keycloak's pages."""

    def __init__(self) -> None:
        self._opener = _opener(HTTPCookieProcessor(CookieJar(_Cookies(rfc2965=False))))

    def say_yes(self, url: str) -> None:
        """Fill in the forms, and grant what is requested."""
        page = self._open(url)
        while form := re.search(r'<form[^>]* action="([^"]+)"', page):
            hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
            filled = dict(hidden) | USER | {"accept": "Yes"}
            page = self._open(urljoin(url, html.unescape(form[1])), filled)

    def _open(self, url: str, form: Mapping[str, str] | None = None) -> str:
        data = None if form is None else urlencode(form).encode()
        with self._opener.open(url, data, timeout=300) as response:
            text: str = response.read().decode()
            return text


def _profile() -> dict[str, Any]:
    """Attributes of users."""
    both = {"view": ["admin"], "edit": ["admin"]}
    names = ("username", "email", "firstName", "lastName", "orcid")
    return {"attributes": [{"name": name, "permissions": both} for name in names]}


def _clients() -> list[dict[str, Any]]:
    optional = {"optionalClientScopes": [*SCOPES]}
    orcid = {
        "name": "orcid",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usermodel-attribute-mapper",
        "config": {"user.attribute": "orcid", "claim.name": "orcid", "access.token.claim": "true"},
    }
    device = {"oauth2.device.authorization.grant.enabled": "true", "pkce.code.challenge.method": ""}
    usual = {"defaultClientScopes": ["basic", "profile"], "protocolMappers": [orcid]} | optional
    return [
        {"clientId": "ogdc-cli", "publicClient": True, "attributes": device} | usual,
        {"clientId": "ogdc", "secret": SERVICE["client_secret"], "directAccessGrantsEnabled": True} | usual,
        {
            "clientId": "without-basic",
            "publicClient": True,
            "directAccessGrantsEnabled": True,
            "defaultClientScopes": ["profile"],
        },
    ]


def _unpacked(directory: Path) -> Path:
    """Fetch and unpack Keycloak; the tests are skipped if that fails."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("needs Java 17 and Maven")
    subprocess.run(
        ["mvn", "-q", "dependency:get", f"-Dartifact={_ARTIFACT}", "-Dtransitive=false"],
        check=True,
        timeout=1800,
    )
    name = f"keycloak-quarkus-dist-{VERSION}.zip"
    repository = Path.home() / ".m2" / "repository" / "org" / "keycloak" / "keycloak-quarkus-dist"
    with zipfile.ZipFile(repository / VERSION / name) as archive:
        archive.extractall(directory)
    return directory / f"keycloak-{VERSION}"


def _opener(*handlers: Any) -> OpenerDirector:
    return build_opener(ProxyHandler({}), *handlers)


def _send(url: str, *, form: Mapping[str, str] | None = None) -> dict[str, Any]:
    data = None if form is None else urlencode(form).encode()
    try:
        with _opener().open(url, data, timeout=300) as response:
            answer: dict[str, Any] = json.load(response)
    except HTTPError as exc:
        with exc:
            raise AssertionError(f"{url}: {exc.code} {exc.read().decode()}") from exc
    return answer
