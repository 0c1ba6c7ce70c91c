"""All settings of the services, read from the environment in one place.

`Settings.from_env` is called once, when a process starts; everything else is passed the part it needs. Names
used by existing deployments are kept; libpq's PG* variables work for the database.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from ogdc_shared.access_settings import AccessSettings
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.oidc_settings import OidcSettings
from ogdc_shared.publication_settings import PublicationSettings
from ogdc_shared.queue_settings import QueueSettings
from ogdc_shared.retention_settings import RetentionSettings
from ogdc_shared.setting_sections import (
    ArgoSettings,
    DatabaseSettings,
    StorageSettings,
    TelemetrySettings,
    UploadSettings,
    WorkerSettings,
)
from ogdc_shared.variables import (
    FLAG,
    TEXT,
    Kind,
    Variable,
    choice,
    json_list,
    number,
    read_section,
    variables,
)
from ogdc_shared.visualization_settings import VisualizationSettings

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

__all__ = [
    "AccessSettings",
    "ArgoSettings",
    "DatabaseSettings",
    "OidcSettings",
    "PublicationSettings",
    "QueueSettings",
    "RetentionSettings",
    "Settings",
    "StorageSettings",
    "TelemetrySettings",
    "UploadSettings",
    "VisualizationSettings",
    "WorkerSettings",
    "all_sections",
    "unknown_variables",
]

_OF_KUBERNETES = re.compile(r"\w+_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)")
"""Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables."""


def _network(entry: object) -> "IPv4Network | IPv6Network":
    from ipaddress import ip_network

    try:
        return ip_network(str(entry))
    except ValueError as exc:
        raise ValueError(f'{exc}; give a JSON list such as ["10.20.0.0/16"].') from exc


def _location(entry: object) -> str:
    if not isinstance(entry, str) or not entry:
        raise ValueError(
            f'{entry!r} is not a location; give a JSON list such as ["github://org:repo@main/path"].'
        )
    return entry


def _log_level(name: str, value: str) -> str:
    from logging import getLevelNamesMapping

    if (level := value.upper()) not in getLevelNamesMapping():
        raise ConfigurationError(f"{name}={value!r}: give a level such as INFO or WARNING.")
    return level


_NETWORKS = json_list("a JSON list of networks", _network)


class Settings(NamedTuple):
    """All of a deployment's settings."""

    access_mode: Annotated[
        str,
        Variable(
            "ACCESS_MODE",
            choice("authenticated", "read_only", "open"),
            "Who may call the API: authenticated users, anybody for reading only, or anybody.",
        ),
    ] = "authenticated"
    log_level: Annotated[
        str,
        Variable(
            "LOG_LEVEL",
            Kind("a level of Python's logging, such as `WARNING`", _log_level),
            "Level of logging.",
        ),
    ] = "INFO"
    access: AccessSettings = AccessSettings()
    oidc: OidcSettings = OidcSettings()
    queue: QueueSettings = QueueSettings()
    database: DatabaseSettings = DatabaseSettings()
    argo: ArgoSettings = ArgoSettings()
    storage: StorageSettings = StorageSettings()
    worker: WorkerSettings = WorkerSettings()
    visualization: VisualizationSettings = VisualizationSettings()
    publication: PublicationSettings = PublicationSettings()
    uploads: UploadSettings = UploadSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    retention: RetentionSettings = RetentionSettings()
    event_token: Annotated[
        str | None,
        Variable(
            "OGDC_EVENT_TOKEN",
            TEXT,
            "Token required in events and requests for a sweep, as the extension `ogdctoken`; not set: "
            "they are accepted from anybody who can reach a function.",
            readers="argo_events, upload, submit",
        ),
    ] = None
    event_sink: Annotated[
        str | None,
        Variable(
            "K_SINK",
            TEXT,
            "URL that gets a CloudEvent at the end of each run, in addition to webhooks; set by a Knative "
            "SinkBinding. Not set: none.",
            readers="submit, argo_events",
        ),
    ] = None
    dataone_node_url: Annotated[
        str | None,
        Variable(
            "DATAONE_NODE_URL",
            TEXT,
            "Base URL of a DataONE member node, e.g. https://arcticdata.io/metacat/d1/mn.",
            readers="submit, upload",
        ),
    ] = None
    credentials_directory: Annotated[
        str | None,
        Variable(
            "OGDC_CREDENTIALS_DIRECTORY",
            TEXT,
            "Directory with the files `netrc` and `tokens`, for looking up DataONE packages.",
            readers="submit, upload",
        ),
    ] = None
    processes: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_PROCESSES",
            json_list("a JSON list of recipes' locations", _location),
            "Recipes offered as processes of OGC API - Processes; sweeps read them again.",
            readers="submit",
        ),
    ] = ()
    echo_process: Annotated[
        bool,
        Variable(
            "OGDC_ECHO_PROCESS",
            FLAG,
            "Whether to offer a process that returns its inputs, for conformance tests.",
            readers="submit",
        ),
    ] = False
    allow_local_recipes: Annotated[
        bool,
        Variable(
            "OGDC_ALLOW_LOCAL_RECIPES",
            FLAG,
            "Whether `recipe_path` may name a directory on the service's machine.",
            readers="submit, upload",
        ),
    ] = False
    allowed_networks: Annotated[
        "tuple[IPv4Network | IPv6Network, ...]",
        Variable(
            "OGDC_ALLOWED_NETWORKS",
            _NETWORKS,
            'Private networks that recipes may be read from, such as ["10.20.0.0/16"]. The services '
            "connect to no other private addresses, whether by name, redirect or number.",
            readers="submit, upload",
        ),
    ] = ()
    temporary_output_days: Annotated[
        int,
        Variable(
            "OGDC_TEMPORARY_OUTPUT_DAYS",
            number(1),
            "Days that outputs of `type: temporary` are kept.",
            readers="submit, status",
        ),
    ] = 7
    failed_run_days: Annotated[
        int,
        Variable(
            "OGDC_FAILED_RUN_DAYS",
            number(1),
            "Days that a failed run can be retried; then its workflow and its workspaces are removed.",
            readers="submit, upload",
        ),
    ] = 14
    stale_seconds: Annotated[
        float,
        Variable(
            "OGDC_STALE_SECONDS",
            number(0, of=float),
            "Seconds without an event after which reading a run also asks Argo.",
            readers="submit, status",
        ),
    ] = 30.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read all settings from `environ`, or from the process environment if None.

        Raises:
            ConfigurationError: a value is invalid; the message names the variable and what it accepts.
        """
        env = os.environ if environ is None else environ
        sections = {field: read_section(section, env) for field, (section, _) in SECTIONS.items()}
        return read_section(cls, env, **sections)


SECTIONS: Mapping[str, tuple[type[Any], str]] = {
    "access": (AccessSettings, "submit, status, users"),
    "oidc": (OidcSettings, "submit, status, users"),
    "queue": (QueueSettings, "submit, upload, status, argo_events"),
    "database": (DatabaseSettings, "all but dead_letters, and migrations"),
    "argo": (ArgoSettings, "submit, status, upload; argo_events the namespace"),
    "storage": (StorageSettings, "submit, status, upload"),
    "uploads": (UploadSettings, "upload, submit"),
    "worker": (WorkerSettings, "submit, upload"),
    "visualization": (VisualizationSettings, "submit, upload"),
    "publication": (PublicationSettings, "submit, upload"),
    "telemetry": (TelemetrySettings, "all"),
    "retention": (RetentionSettings, "submit"),
}
"""Field of `Settings` → its section, and the functions that use it."""


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each variable that looks like a setting but is none, and so has no effect.

    Variables that Kubernetes sets for the services of a namespace are skipped.
    """
    known = {variable.name for section in all_sections() for _, variable in variables(section)}
    for name in sorted(environ.keys() - known):
        if name.startswith("OGDC_") and not _OF_KUBERNETES.fullmatch(name):
            from difflib import get_close_matches

            meant = get_close_matches(name, known, n=1)
            yield f"{name} is not a setting" + (f"; is {meant[0]} meant?" if meant else ".")


def all_sections() -> list[type[Any]]:
    """Return `Settings` and all its sections."""
    return [Settings, *(section for section, _ in SECTIONS.values())]
