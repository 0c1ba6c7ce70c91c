"""The real functions behind one port, with logins. PostgreSQL is real; Argo runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ogdc_local.stack.functions import build_functions
from ogdc_local.stack.gateway import Gateway
from ogdc_local.stack.server import Server, listen, url_of
from ogdc_shared.auth.permissions import Role
from ogdc_shared.auth.tokens import new_token, token_hash
from ogdc_shared.config import DatabaseSettings, Settings
from ogdc_shared.context import Context
from ogdc_shared.db.api_tokens import add_token
from ogdc_shared.db.first_admin import make_first_admin
from ogdc_shared.db.users import NewUser, add_user
from support.argo_server import ArgoServer

_SIGNING_KEY = "0123456789abcdef"


class Service:
    """A running deployment.

    Attributes:
        url: Its base URL.
    """

    def __init__(self, url: str, context: Context) -> None:
        self.url = url
        self._context = context

    def token_of(self, name: str, role: Role = Role.ADMIN) -> str:
        """Add a user of the service itself with an API token, as the operator adds the first admin."""
        token = new_token()
        with self._context.database.transaction() as conn:
            user = add_user(conn, NewUser("ogdc", name, name, role))
            add_token(conn, token_hash=token_hash(token), owner=user.id, name=f"{name}'s", role=role, days=1)
        return token

    def first_admin(self) -> str:
        """Create the first admin like the migration, and return their token."""
        token = make_first_admin(self._context.database)
        assert token is not None
        return token


@contextmanager
def serving(
    database: DatabaseSettings, argo: ArgoServer, directory: Path, **environ: str
) -> Iterator[Service]:
    """Serve the functions; `environ`, with `{url}` for their URL, overrides the settings made here."""
    listener = listen(None)
    settings = Settings.from_env(
        {
            "ACCESS_MODE": "authenticated",
            "OGDC_DB_HOST": str(database.host),
            "OGDC_DB_NAME": str(database.name),
            "OGDC_DB_USERNAME": str(database.user),
            "ARGO_WORKFLOWS_SERVICE_URL": argo.url,
            "ARGO_NAMESPACE": argo.namespace,
            "OGDC_ARTIFACT_DIR": str(directory / "artifacts"),
            "OGDC_ARTIFACT_URL": url_of(listener),
            "OGDC_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "OGDC_SIGNING_KEY": _SIGNING_KEY,
        }
        | {name: value.replace("{url}", url_of(listener)) for name, value in environ.items()}
    )
    context = Context(settings)
    gateway = Gateway(
        functions=build_functions(context),
        engine=lambda _environ, _start: iter(()),
        artifacts=directory / "artifacts",
        signing_key=_SIGNING_KEY,
        user="anonymous",
        state=dict,
    )
    try:
        with Server(listener, gateway, threads=8):
            yield Service(url_of(listener), context)
    finally:
        context.close()
