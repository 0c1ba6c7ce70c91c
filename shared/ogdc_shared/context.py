"""The dependencies of a service (database, Argo, storage, …), created from its settings on first use."""

from __future__ import annotations

from functools import cached_property, partial
from math import inf
from typing import TYPE_CHECKING

from ogdc_shared.config import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from ogdc_shared.argo.client import ArgoClient
    from ogdc_shared.auth.oidc.issuers import Issuers
    from ogdc_shared.auth.rates import Rates
    from ogdc_shared.db.database import Database
    from ogdc_shared.db.queue import QueueOrder
    from ogdc_shared.db.recent_states import RecentStates
    from ogdc_shared.servers.credentials import Credentials
    from ogdc_shared.storage.store import ArtifactStore
    from ogdc_shared.telemetry.base import Telemetry


class Context:
    """A service's settings and the clients created from them.

    Clients are imported and created on first use, which keeps cold starts short. If two threads do this at
    the same time, each may create a client. This is harmless, because none opens a connection before it is
    used.
    """

    def __init__(
        self, settings: Settings, *, logins: Callable[[], Mapping[str, bytes]] | None = None
    ) -> None:
        """Store the arguments; nothing is created yet.

        Args:
            settings: The deployment's settings.
            logins: Returns the files with credentials for servers, as in `Credentials.of_files`; None means
                that they are where the settings say.
        """
        self.settings = settings
        self.processes_read_at = (
            -inf
        )  # when the recipes that settings offer were read, by the monotonic clock
        self.user_ids: dict[tuple[str, str], UUID] = {}
        """Ids of some users without a login, by issuer and subject, to save a query for each submission."""
        self._logins = logins

    @cached_property
    def database(self) -> Database:
        """The record of runs."""
        from ogdc_shared.db.database import Database

        return Database(self.settings.database, on_wait=self._measure_wait)

    @cached_property
    def argo(self) -> ArgoClient:
        """Client of Argo, or of the local engine with the same API."""
        from ogdc_shared.argo.client import ArgoClient

        return ArgoClient(self.settings.argo, telemetry=self.telemetry)

    @cached_property
    def store(self) -> ArtifactStore:
        """The artifact store."""
        from ogdc_shared.storage.opening import open_store

        return open_store(self.settings.storage)

    @cached_property
    def recent(self) -> RecentStates:
        """Cache of recently recorded states of large workflows."""
        from ogdc_shared.db.recent_states import RecentStates

        return RecentStates()

    @cached_property
    def queue_order(self) -> QueueOrder:
        """Computes the positions of queued runs."""
        from ogdc_shared.db.queue import QueueOrder

        return QueueOrder()

    @cached_property
    def issuers(self) -> Issuers:
        """The trusted issuers and their keys."""
        from ogdc_shared.auth.oidc.issuers import Issuers
        from ogdc_shared.db.issuer_keys import DatabaseKeyCache

        return Issuers(
            self.settings.oidc.trusted(),
            networks=self.settings.allowed_networks,
            cache=partial(DatabaseKeyCache, self.database),
        )

    @cached_property
    def rates(self) -> Rates:
        """Counts each user's requests to this process."""
        from ogdc_shared.auth.rates import Rates

        return Rates(per_minute=self.settings.access.max_requests)

    @cached_property
    def telemetry(self) -> Telemetry:
        """Spans and metrics."""
        from ogdc_shared.telemetry.opening import open_telemetry

        return open_telemetry(self.settings.telemetry)

    def credentials(self) -> Credentials:
        """Return the credentials for servers of inputs; read each time, since tokens expire."""
        from ogdc_shared.servers.credentials import Credentials

        if self._logins is not None:
            return Credentials.of_files(self._logins())
        directory = self.settings.credentials_directory
        return Credentials.read(directory) if directory else Credentials()

    def close(self) -> None:
        """Close idle connections, and send the remaining spans and metrics."""
        if "database" in self.__dict__:
            self.database.close()
        if "telemetry" in self.__dict__:
            self.telemetry.close()

    def _measure_wait(self, seconds: float) -> None:
        from ogdc_shared.telemetry.base import CONNECTION_WAIT

        self.telemetry.measure(CONNECTION_WAIT, seconds, {"db.client.connection.pool.name": "ogdc"})
