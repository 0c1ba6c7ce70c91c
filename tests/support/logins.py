"""A deployment that requires a login, as the command line sees it, and a user of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ogdc_cli.login.logins import Login, key_of
from ogdc_cli.login.store import LoginStore
from support.http import Answer, FileServer, Request
from support.stack import PROGRAM, Done, run_cli, user_environment

ME = {"name": "Ada", "issuer": "https://issuer", "subject": "ada", "role": "submitter", "id": "1"}


class Deployment:
    """Accepts requests with a token that `accepts` returns True for; its issuer is `issuer`."""

    def __init__(self, directory: Path, *, issuer: str = "", accepts: Callable[[str], bool] = bool) -> None:
        self._server = FileServer(directory)
        self.accepts = accepts
        self.shown: list[str | None] = []
        """The received tokens, in order."""
        self.metadata: dict[str, Any] = {
            "resource": self.url,
            "authorization_servers": [issuer],
            "scopes_supported": ["ogdc:submit"],
            "ogdc_client_id": "ogdc-cli",
        }
        well_known = "/api/.well-known/oauth-protected-resource"
        self._server.routes[well_known] = lambda _: Answer(body=json.dumps(self.metadata).encode())
        self._server.routes["/api/me"] = self._me

    @property
    def url(self) -> str:
        return f"{self._server.url}/api"

    @property
    def routes(self) -> dict[str, Callable[[Request], Answer]]:
        return self._server.routes

    def __enter__(self) -> Deployment:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, exc, tb)

    def _me(self, request: Request) -> Answer:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.shown.append(token or None)
        if not self.accepts(token):
            return Answer(status=401, body=b'{"detail": "This token is refused."}')
        return Answer(body=json.dumps(ME).encode())


class User:
    """A user with a home directory."""

    def __init__(self, home: Path, url: str, **environ: str) -> None:
        self.home = home
        self.url = url
        self.environ: Mapping[str, str] = user_environment(home, OGDC_API_URL=url, **environ)
        self.file = home / ".config" / "ogdc" / "tokens.json"
        self.store = LoginStore(self.file)

    def cli(self, *arguments: str, **environ: str) -> Done:
        """Run `ogdc-runner` to its end."""
        return run_cli(*arguments, environ=dict(self.environ) | environ, cwd=self.home)

    @property
    def login(self) -> Login:
        return self.store.read().deployments[key_of(self.url)]

    def keep(self, tokens: Mapping[str, Any], *, issuer: str | None, seconds: float = 3600) -> None:
        """Store tokens of an issuer as if they expired in `seconds`."""
        now = time.time()
        login = Login(
            access_token=tokens["access_token"],
            refresh_token=tokens.get("refresh_token"),
            obtained_at=now - 3600,
            expires_at=now + seconds,
            issuer=issuer,
            client_id=None if issuer is None else "ogdc-cli",
        )
        with self.store.changing() as change:
            change.logins.deployments[key_of(self.url)] = login
            change.keep()


class Command:
    """A running `ogdc-runner`, read line by line."""

    def __init__(self, user: User, *arguments: str, **environ: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            env=dict(user.environ) | environ,
            cwd=user.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line_with(self, words: str) -> str:
        """Read until a line contains these words, and return it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if words in line:
                return line
        raise AssertionError(self.ended())

    def ended(self) -> Done:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=300)
        assert "Traceback" not in err, err
        return Done(self.process.returncode, out, err, 0.0)


def command_lines() -> bytes:
    """Return the command lines of all processes."""
    found = b""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += (process / "cmdline").read_bytes()
        except OSError:
            continue
    return found
