"""A real OpenID provider for tests: npm's `oidc-provider`, which scripts/bootstrap installs.

::

    with OidcProvider() as provider:
        token = provider.token()                    # of the account, by a real grant
        token = provider.signed(provider.claims(aud="elsewhere"))   # whatever the test wants to have signed
        provider.rotate(keep=False)                 # a new signing key, and those before are gone
        provider.stop(); provider.start()           # away, and back at the same address with the same keys
        provider.change(form="keycloak", seconds=2) # see `settings` in oidc/provider.mjs
        provider.approve(user_code)                 # what somebody does at the device grant's page
        provider.visit(authorization_url)           # what a browser does that is sent to log in
        assert provider.requests().count("POST /token") == 1
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    ProxyHandler,
    Request,
    build_opener,
)

import pytest

_SCRIPT = Path(__file__).parent / "oidc" / "provider.mjs"
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

CLI_CLIENT: Mapping[str, Any] = {
    "client_id": "ogdc-cli",
    "application_type": "native",
    "token_endpoint_auth_method": "none",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "grant_types": ["authorization_code", "refresh_token", _DEVICE_GRANT],
}
"""The command line: public, at any port of the loopback address."""
SERVICE_CLIENT: Mapping[str, Any] = {
    "client_id": "robot",
    "client_secret": "the robot's own secret",
    "redirect_uris": [],
    "response_types": [],
    "grant_types": ["client_credentials"],
}
"""A program that acts for itself."""


class OidcProvider:
    """Listens on 127.0.0.1 from `__enter__` to `__exit__`; without Node.js its tests are skipped.

    Attributes:
        issuer: Its URL.
    """

    def __init__(self, **settings: Any) -> None:
        """Start nothing yet.

        Args:
            settings: As oidc/provider.mjs has them; besides the clients above there are none but these.
        """
        self._settings: dict[str, Any] = {"clients": [CLI_CLIENT, SERVICE_CLIENT], **settings}
        self._process: subprocess.Popen[str] | None = None
        self.issuer = ""

    def __enter__(self) -> OidcProvider:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen: at a free port, later at the same."""
        self._process = subprocess.Popen(
            [_node(), str(_SCRIPT), json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.issuer = self._process.stdout.readline().strip()
        assert self.issuer, "the provider has not started; run tests/support/oidc/provider.mjs by hand"
        self._settings |= {"port": int(self.issuer.rpartition(":")[2]), "keys": self.private_keys()}

    def stop(self) -> None:
        """Die at once; the keys are kept for the next start, refresh tokens are not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def token(self, scope: str = "ogdc:submit", *, account: str | None = None) -> str:
        """An access token by the device grant, approved at once."""
        access: str = self.tokens(scope, account=account)["access_token"]
        return access

    def tokens(self, scope: str = "ogdc:submit", *, account: str | None = None) -> dict[str, Any]:
        """All that the device grant gives: access, refresh and ID token."""
        client = {"client_id": CLI_CLIENT["client_id"]}
        asked = self.post("/device/auth", client | {"scope": f"openid offline_access {scope}"})
        self.approve(asked["user_code"], account=account)
        return self.post(
            "/token", client | {"grant_type": _DEVICE_GRANT, "device_code": asked["device_code"]}
        )

    def robot_token(self, scope: str = "ogdc:submit") -> str:
        """An access token of the program that acts for itself."""
        client = {key: SERVICE_CLIENT[key] for key in ("client_id", "client_secret")}
        answer = self.post("/token", client | {"grant_type": "client_credentials", "scope": scope})
        access: str = answer["access_token"]
        return access

    def claims(self, **more: Any) -> dict[str, Any]:
        """What an access token of this provider says."""
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "ada", "aud": "ogdc", "iat": now, "exp": now + 3600}
        return claims | {"client_id": "ogdc-cli", "scope": "ogdc:submit"} | more

    def signed(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Any claims, signed with the key that signs now."""
        answer = self._act("sign", payload=claims, header={"typ": "at+jwt", **header})
        token: str = answer["token"]
        return token

    def approve(self, user_code: str, *, account: str | None = None, deny: bool = False) -> None:
        """Let somebody say yes to a device grant."""
        self._act("approve", user_code=user_code, deny=deny, **({"account": account} if account else {}))

    def visit(self, url: str) -> str:
        """Follow a URL as a browser does, with cookies, to its end; returns the last answer's text."""
        jar = CookieJar(DefaultCookiePolicy(rfc2965=False))
        with build_opener(ProxyHandler({}), HTTPCookieProcessor(jar)).open(url, timeout=300) as response:
            text: str = response.read().decode()
            return text

    def visit_until_sent_back(self, url: str, back: str) -> str:
        """Follow a URL as a browser does, until it is sent to one that begins with `back`; returns that."""
        sent_back: list[str] = []

        class _Stop(HTTPRedirectHandler):
            def redirect_request(self, *arguments: Any) -> Request | None:
                if arguments[-1].startswith(back):
                    sent_back.append(arguments[-1])
                    return None
                return super().redirect_request(*arguments)

        jar = CookieJar(DefaultCookiePolicy(rfc2965=False))
        with suppress(HTTPError):
            build_opener(ProxyHandler({}), HTTPCookieProcessor(jar), _Stop()).open(url, timeout=300).close()
        [found] = sent_back
        return found

    @property
    def clients(self) -> list[Mapping[str, Any]]:
        """Whom it knows."""
        known: list[Mapping[str, Any]] = self._settings["clients"]
        return known

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def rotate(self, *, keep: bool = True, alg: str = "RS256") -> str:
        """Make a new signing key; returns its `kid`. Without `keep` those before are gone."""
        self._act("rotate", keep=keep, alg=alg)
        self._settings["keys"] = self.private_keys()
        kid: str = self._settings["keys"][0]["kid"]
        return kid

    def change(self, **settings: Any) -> None:
        """Change settings while it runs."""
        self._settings |= settings
        self._act("set", **settings)

    def private_keys(self) -> list[dict[str, str]]:
        """The keys, as JWKs; the first signs."""
        keys: list[dict[str, str]] = self._act("keys")["keys"]
        return keys

    def requests(self) -> list[str]:
        """What was asked of it since it started, as `METHOD /path`."""
        seen: list[str] = self._act("requests")["requests"]
        return seen

    def post(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Send a form and return the answer, be it a refusal."""
        return self._send(Request(self.issuer + path, urlencode(form).encode(), method="POST"))

    def _act(self, action: str, **body: Any) -> dict[str, Any]:
        return self._send(Request(f"{self.issuer}/_test/{action}", json.dumps(body).encode(), method="POST"))

    def _send(self, request: Request) -> dict[str, Any]:
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=300) as response:
                text = response.read().decode()
        except HTTPError as exc:
            with exc:
                text = exc.read().decode()
            if exc.code >= 500:
                raise AssertionError(text) from exc
        answer: dict[str, Any] = json.loads(text or "{}")
        return answer


def _node() -> str:
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if node is None or not (_SCRIPT.parent / "node_modules").is_dir():
        pytest.skip(
            "needs Node.js and npm's oidc-provider, which scripts/bootstrap dev installs where it can"
        )
    return node
