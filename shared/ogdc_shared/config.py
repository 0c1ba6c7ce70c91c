"""Every setting of the services, read from the environment in one place.

`Settings.from_env` is called once, at the edge of a process; all else is handed the part it needs. Names that
exist in today's deployments are kept; libpq's own PG* variables work for the database.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ogdc_shared.errors import ConfigurationError

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

_T = TypeVar("_T", str, None)
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class DatabaseSettings(NamedTuple):
    """How to reach PostgreSQL; what is None is left to libpq (PGHOST, PGSERVICE, …)."""

    host: str | None = None
    """Host name, or the directory of a Unix socket."""
    port: int | None = None
    """Of the server."""
    name: str | None = None
    """Of the database."""
    user: str | None = None
    """Who connects; may change the schema where this migrates."""
    password: str | None = None
    """Theirs."""
    pool_size: int = 8
    """Most connections one process opens."""
    timeout: float = 5.0
    """Seconds to wait for a connection before the database counts as away."""


class ArgoSettings(NamedTuple):
    """How to reach Argo, and what every workflow gets."""

    url: str = "http://localhost:2746"
    """Of Argo's server."""
    namespace: str = "qgnet"
    """Where workflows are created."""
    service_account: str = "argo-workflow"
    """Of workflows' pods."""
    token: str | None = None
    """What the services tell Argo's server who they are by, with or without `Bearer` in front."""
    token_file: str | None = None
    """A file that holds the token instead; read at each call, since Kubernetes rotates it."""
    ca_file: str | None = None
    """Certificates of the authorities that vouch for Argo's server; None: the system's."""
    verify_tls: bool = True
    """Whether Argo's server has to have a certificate that somebody vouches for."""
    timeout: float = 10.0
    """Seconds for one call."""
    retry_enabled: bool = True
    """Whether tasks are tried again."""
    retry_limit: int = 3
    """How often, unless the recipe says."""
    retry_policy: str | None = None
    """An Argo retryPolicy; None: what was lost or failed in passing is retried, a failing command is not."""


class StorageSettings(NamedTuple):
    """The artifact store: a directory where `directory` is set, otherwise S3."""

    directory: str | None = None
    """The directory; None: artifacts are in S3."""
    url: str | None = None
    """Where the directory store's signed links point (the gateway's base URL)."""
    signing_key: str | None = None
    """What the directory store's links are signed with."""
    bucket: str = "argo-workflows"
    """The bucket in S3."""
    access_key: str | None = None
    """The key's id; None: what boto3 finds (environment, role of the pod)."""
    secret_key: str | None = None
    """Its secret."""
    internal_endpoint: str | None = None
    """S3 as the services reach it; None: AWS's."""
    public_endpoint: str | None = None
    """S3 as users reach it, for download links; None: the same."""
    link_seconds: int = 7200
    """How long a handed-out download link is good for."""


class UploadSettings(NamedTuple):
    """What object stores may tell, and which of their objects are read with the artifact store's key."""

    buckets: tuple[str, ...] = ()
    """JSON list of buckets of the artifact store's service that its key may read for triggered runs."""
    token: str | None = None
    """What a request that tells of uploads has to bear; None: the network decides who may tell."""


class TelemetrySettings(NamedTuple):
    """Whether spans and metrics are sent; OpenTelemetry's SDK reads the rest of its variables itself."""

    service: str = "ogdc-runner"
    """What spans and metrics are said to come from."""
    endpoint: str | None = None
    """Base URL of a collector that takes OTLP over HTTP, e.g. http://collector:4318; None: there is none."""
    traces: str | None = None
    """Where spans go: `otlp` or `none`; None: `otlp` where there is an endpoint."""
    metrics: str | None = None
    """Where metrics go; likewise."""
    disabled: bool = False
    """Whether nothing is sent after all."""

    @property
    def sends_traces(self) -> bool:
        """Whether spans are sent."""
        return not self.disabled and (self.traces or (self.endpoint and "otlp")) == "otlp"

    @property
    def sends_metrics(self) -> bool:
        """Whether metrics are sent."""
        return not self.disabled and (self.metrics or (self.endpoint and "otlp")) == "otlp"


class WorkerSettings(NamedTuple):
    """What a task's container is given unless the recipe asks for other."""

    image: str = ""
    """As new as the services, since plans gain fields; None: `ghcr.io/qgreenland-net/ogdc-worker` of
    their own version."""
    image_pull_policy: str = "IfNotPresent"
    """`Always`, `IfNotPresent` or `Never`."""
    volume_claim: str = "cephfs-qgnet-ogdc-workflow-pvc"
    """The workflow volume: published data, and what runs work on."""
    allowed_input_claims: tuple[str, ...] = ()
    """Further claims that `pvc_mount` inputs may name, as a JSON list."""
    allowed_secrets: tuple[str, ...] = ()
    """JSON list of the Secrets that `workflow.secrets` may name, beside the workflows; ["*"]: any."""
    cpu: str = "1"
    """What one task asks for."""
    memory: str = "2Gi"
    """What one task may use."""
    scratch: str = "10Gi"
    """A task's own disk."""
    timeout: int = 86400
    """Seconds a workflow may take."""
    start_timeout: int = 3600
    """Seconds a task may wait to begin, for its image, a volume, quota or a node with room, before its run
    fails with the reason; 0: as long as the workflow may take."""
    max_parallelism: int = 5
    """Most tasks of one workflow at the same time."""
    max_partitions: int = 10_000
    """A run that would have more is refused."""
    published_rights: str = "u+rwX,go+rX"
    """What others may do with published data, as for chmod; setuid and the like are always taken away."""


class Settings(NamedTuple):
    """All of a deployment's settings."""

    access_mode: str = "authenticated"
    """`authenticated`, `read_only` or `open`."""
    database: DatabaseSettings = DatabaseSettings()
    argo: ArgoSettings = ArgoSettings()
    storage: StorageSettings = StorageSettings()
    worker: WorkerSettings = WorkerSettings()
    uploads: UploadSettings = UploadSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    event_token: str | None = None
    """What events, and who asks for a sweep, have to bear as the extension `ogdctoken`; None: anybody who
    reaches a function is believed."""
    dataone_node_url: str | None = None
    """Base URL of a DataONE member node, e.g. https://arcticdata.io/metacat/d1/mn."""
    allow_local_recipes: bool = False
    """Whether `recipe_path` may name a directory of the machine the service runs on."""
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """JSON list of networks, such as ["10.20.0.0/16"], that recipes may be read from although they are not
    public. The services connect to no others, be they named, redirected to or written as numbers."""
    temporary_output_days: int = 7
    """How long the outputs of `type: temporary` are kept."""
    failed_run_days: int = 14
    """How long a failed run can be retried; then Argo forgets it, and its workspaces are removed."""
    stale_seconds: float = 30.0
    """Seconds. A run not heard of for this long is asked about at Argo when somebody reads it."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read all settings from `environ` (the process environment where None).

        Raises:
            ConfigurationError: a value cannot be used; the message names the variable and what it takes.
        """
        env = _Environment(os.environ if environ is None else environ)
        return cls(
            access_mode=env.choice("ACCESS_MODE", ("authenticated", "read_only", "open"), cls().access_mode),
            database=_database(env),
            argo=_argo(env),
            storage=_storage(env),
            worker=_worker(env),
            uploads=_uploads(env),
            telemetry=_telemetry(env),
            event_token=env.text("OGDC_EVENT_TOKEN"),
            dataone_node_url=env.text("DATAONE_NODE_URL"),
            allow_local_recipes=env.flag("OGDC_ALLOW_LOCAL_RECIPES", False),
            allowed_networks=_networks(env.json_list("OGDC_ALLOWED_NETWORKS")),
            temporary_output_days=env.number("OGDC_TEMPORARY_OUTPUT_DAYS", 7, least=1),
            failed_run_days=env.number("OGDC_FAILED_RUN_DAYS", 14, least=1),
            stale_seconds=float(env.number("OGDC_STALE_SECONDS", 30, least=0)),
        )


def _database(env: _Environment) -> DatabaseSettings:
    default = DatabaseSettings()
    return DatabaseSettings(
        host=env.text("OGDC_DB_HOST"),
        port=env.number("OGDC_DB_PORT", 0, least=0) or None,
        name=env.text("OGDC_DB_NAME"),
        user=env.text("OGDC_DB_USERNAME"),
        password=env.text("OGDC_DB_PASSWORD"),
        pool_size=env.number("OGDC_DB_POOL_SIZE", default.pool_size, least=1),
        timeout=float(env.number("OGDC_DB_TIMEOUT", int(default.timeout), least=1)),
    )


def _argo(env: _Environment) -> ArgoSettings:
    default = ArgoSettings()
    return ArgoSettings(
        url=(env.text("ARGO_WORKFLOWS_SERVICE_URL") or default.url).rstrip("/"),
        namespace=env.text("ARGO_NAMESPACE") or default.namespace,
        service_account=env.text("ARGO_SERVICE_ACCOUNT_NAME") or default.service_account,
        token=env.text("ARGO_TOKEN"),
        token_file=env.text("ARGO_TOKEN_FILE"),
        ca_file=env.text("ARGO_CA_FILE"),
        verify_tls=env.flag("ARGO_VERIFY_TLS", default.verify_tls),
        timeout=float(env.number("ARGO_TIMEOUT", int(default.timeout), least=1)),
        retry_enabled=env.flag("ARGO_WORKFLOW_RETRY_ENABLED", default.retry_enabled),
        retry_limit=env.number("ARGO_WORKFLOW_RETRY_LIMIT", default.retry_limit, least=0),
        retry_policy=env.choice(
            "ARGO_WORKFLOW_RETRY_POLICY", ("Always", "OnFailure", "OnError", "OnTransientError"), None
        ),
    )


def _storage(env: _Environment) -> StorageSettings:
    default = StorageSettings()
    return StorageSettings(
        directory=env.text("OGDC_ARTIFACT_DIR"),
        url=env.text("OGDC_ARTIFACT_URL"),
        signing_key=env.text("OGDC_SIGNING_KEY"),
        bucket=env.text("OGDC_S3_BUCKET") or default.bucket,
        access_key=env.text("S3_SECRET_KEY_ID"),
        secret_key=env.text("S3_SECRET_KEY_KEY"),
        internal_endpoint=env.text("INTERNAL_S3_ENDPOINT_URL"),
        public_endpoint=env.text("PUBLIC_S3_ENDPOINT_URL"),
        link_seconds=env.number("OGDC_LINK_SECONDS", default.link_seconds, least=1),
    )


def _uploads(env: _Environment) -> UploadSettings:
    buckets = env.json_list("OGDC_UPLOAD_BUCKETS")
    for bucket in buckets:
        if not isinstance(bucket, str) or not bucket:
            raise ConfigurationError(
                f'OGDC_UPLOAD_BUCKETS: {bucket!r} is not a bucket; give a JSON list such as ["uploads"].'
            )
    return UploadSettings(buckets=tuple(map(str, buckets)), token=env.text("OGDC_UPLOAD_TOKEN"))


def _telemetry(env: _Environment) -> TelemetrySettings:
    default = TelemetrySettings()
    return TelemetrySettings(
        service=env.text("OTEL_SERVICE_NAME") or default.service,
        endpoint=env.text("OTEL_EXPORTER_OTLP_ENDPOINT"),
        traces=env.choice("OTEL_TRACES_EXPORTER", ("otlp", "none"), None),
        metrics=env.choice("OTEL_METRICS_EXPORTER", ("otlp", "none"), None),
        disabled=env.flag("OTEL_SDK_DISABLED", default.disabled),
    )


def _networks(entries: list[object]) -> tuple[IPv4Network | IPv6Network, ...]:
    from ipaddress import ip_network

    found = []
    for network in entries:
        try:
            found.append(ip_network(str(network)))
        except ValueError as exc:
            raise ConfigurationError(
                f'OGDC_ALLOWED_NETWORKS: {exc}; give a JSON list such as ["10.20.0.0/16"].'
            ) from exc
    return tuple(found)


def _worker(env: _Environment) -> WorkerSettings:
    default = WorkerSettings()
    claims = env.json_list("OGDC_ALLOWED_INPUT_PVCS")
    return WorkerSettings(
        image=env.text("OGDC_WORKER_IMAGE") or default.image,
        image_pull_policy=env.choice(
            "OGDC_WORKER_IMAGE_PULL_POLICY", ("Always", "IfNotPresent", "Never"), default.image_pull_policy
        ),
        volume_claim=env.text("OGDC_WORKFLOW_PVC_NAME") or default.volume_claim,
        allowed_secrets=tuple(map(str, env.json_list("OGDC_ALLOWED_SECRETS"))),
        allowed_input_claims=tuple(_claim_name(claim) for claim in claims),
        cpu=env.text("OGDC_WORKER_CPU") or default.cpu,
        memory=env.text("OGDC_WORKER_MEMORY") or default.memory,
        scratch=env.text("OGDC_WORKER_SCRATCH") or default.scratch,
        timeout=env.number("OGDC_WORKFLOW_TIMEOUT", default.timeout, least=1),
        start_timeout=env.number("OGDC_START_TIMEOUT", default.start_timeout, least=0),
        max_parallelism=env.number("OGDC_MAX_PARALLEL_LIMIT", default.max_parallelism, least=1),
        max_partitions=env.number("OGDC_MAX_PARTITIONS", default.max_partitions, least=1),
        published_rights=_rights(env.text("OGDC_PUBLISHED_RIGHTS") or default.published_rights),
    )


def _rights(text: str) -> str:
    if not re.fullmatch(r"[ugoa]+[-+][rwxX]+(,[ugoa]+[-+][rwxX]+)*", text):
        raise ConfigurationError(
            f"OGDC_PUBLISHED_RIGHTS: {text!r} is no change of rights; give one such as u+rwX,go+rX or o-rwx."
        )
    return text


def _claim_name(entry: object) -> str:
    name = entry.get("claimName") or entry.get("claim_name") if isinstance(entry, dict) else entry
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        raise ConfigurationError(
            f"OGDC_ALLOWED_INPUT_PVCS: {entry!r} is not a claim name; "
            'give a JSON list such as ["claim-a", {"claimName": "claim-b"}].'
        )
    return name


class _Environment:
    """Typed reads that name the variable when a value cannot be used; an empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def flag(self, name: str, default: bool) -> bool:
        value = (self.text(name) or str(default)).lower()
        if value not in _TRUE | _FALSE:
            raise ConfigurationError(f"{name}={value!r}: give true or false.")
        return value in _TRUE

    def number(self, name: str, default: int, *, least: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not value.isdecimal() or int(value) < least:
            raise ConfigurationError(f"{name}={value!r}: give a whole number of at least {least}.")
        return int(value)

    def choice(self, name: str, options: tuple[str, ...], default: _T) -> str | _T:
        value = self.text(name)
        if value is None:
            return default
        if value not in options:
            raise ConfigurationError(f"{name}={value!r}: give one of {', '.join(options)}.")
        return value

    def json_list(self, name: str) -> list[object]:
        value = self.text(name) or "[]"
        try:
            items = json.loads(value)
        except ValueError as exc:
            raise ConfigurationError(f"{name}={value!r} is not JSON: {exc}. Give a JSON list.") from exc
        if not isinstance(items, list):
            raise ConfigurationError(f"{name}={value!r}: give a JSON list.")
        return items
