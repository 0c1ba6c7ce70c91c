"""The sections of a deployment's settings; each field names its environment variable."""

import re
from typing import Annotated, NamedTuple

from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.variables import BASE_URL, FLAG, TEXT, Variable, choice, json_list, number, pattern


def _bucket(entry: object) -> str:
    if not isinstance(entry, str) or not entry:
        raise ValueError(f'{entry!r} is not a bucket; give a JSON list such as ["uploads"].')
    return entry


def _claim(entry: object) -> str:
    name = entry.get("claimName") or entry.get("claim_name") if isinstance(entry, dict) else entry
    if not isinstance(name, str) or not is_dns_label(name):
        raise ValueError(
            f"{entry!r} is not a claim name; "
            'give a JSON list such as ["claim-a", {"claimName": "claim-b"}].'
        )
    return name


_AMOUNT = pattern(
    "an amount of data such as `50Gi`, or `0`",
    re.compile(r"0|[1-9][0-9]{0,8}[KMGT]i").fullmatch,
    refusal="is not an amount of data; give one such as 50Gi, or 0.",
)
_BUCKETS = json_list("a JSON list of buckets", _bucket)
_CLAIMS = json_list("a JSON list of claims", _claim)
_SECRETS = json_list("a JSON list of Secrets", str)
_RIGHTS = pattern(
    "a change of rights",
    re.compile(r"[ugoa]+[-+][rwxX]+(,[ugoa]+[-+][rwxX]+)*").fullmatch,
    refusal="is not a change of rights; give one such as u+rwX,go+rX or o-rwx.",
)


class DatabaseSettings(NamedTuple):
    """Connection to PostgreSQL; None leaves a value to libpq (PGHOST, PGSERVICE, …)."""

    host: Annotated[
        str | None, Variable("OGDC_DB_HOST", TEXT, "Host name, or the directory of a Unix socket.")
    ] = None
    port: Annotated[
        int | None,
        Variable(
            "OGDC_DB_PORT",
            number(0, of=lambda port: port or None),
            "Port of PostgreSQL; not set: libpq's default.",
        ),
    ] = None
    name: Annotated[str | None, Variable("OGDC_DB_NAME", TEXT, "Name of the database.")] = None
    user: Annotated[
        str | None,
        Variable(
            "OGDC_DB_USERNAME", TEXT, "User of the database; migrations need one that may change the schema."
        ),
    ] = None
    password: Annotated[
        str | None,
        Variable(
            "OGDC_DB_PASSWORD", TEXT, "Password of that user; not set: libpq's (`.pgpass`, PGPASSWORD)."
        ),
    ] = None
    pool_size: Annotated[
        int, Variable("OGDC_DB_POOL_SIZE", number(1), "Maximum number of connections of a process.")
    ] = 8
    timeout: Annotated[
        float,
        Variable(
            "OGDC_DB_TIMEOUT",
            number(1, of=float),
            "Seconds to wait for a connection before the database counts as unavailable.",
        ),
    ] = 5.0


class ArgoSettings(NamedTuple):
    """Connection to Argo, and settings of all workflows."""

    url: Annotated[
        str,
        Variable(
            "ARGO_WORKFLOWS_SERVICE_URL", BASE_URL, "Base URL of the Argo Server, as seen by the services."
        ),
    ] = "http://localhost:2746"
    namespace: Annotated[
        str, Variable("ARGO_NAMESPACE", TEXT, "Namespace in which workflows are created.")
    ] = "qgnet"
    service_account: Annotated[
        str, Variable("ARGO_SERVICE_ACCOUNT_NAME", TEXT, "Service account of the workflows' pods.")
    ] = "argo-workflow"
    token: Annotated[
        str | None,
        Variable(
            "ARGO_TOKEN",
            TEXT,
            "Token for the Argo Server, with or without the prefix `Bearer`.",
        ),
    ] = None
    token_file: Annotated[
        str | None,
        Variable(
            "ARGO_TOKEN_FILE",
            TEXT,
            "File with the token instead; read at each call, because Kubernetes rotates it.",
        ),
    ] = None
    ca_file: Annotated[
        str | None,
        Variable(
            "ARGO_CA_FILE",
            TEXT,
            "CA certificates for the Argo Server; not set: the system's.",
        ),
    ] = None
    verify_tls: Annotated[
        bool,
        Variable(
            "ARGO_VERIFY_TLS",
            FLAG,
            "Whether to verify the Argo Server's certificate.",
        ),
    ] = True
    timeout: Annotated[
        float,
        Variable("ARGO_TIMEOUT", number(1, of=float), "Timeout of a call to the Argo Server, in seconds."),
    ] = 10.0
    retry_enabled: Annotated[
        bool, Variable("ARGO_WORKFLOW_RETRY_ENABLED", FLAG, "Whether tasks are retried.")
    ] = True
    retry_limit: Annotated[
        int,
        Variable(
            "ARGO_WORKFLOW_RETRY_LIMIT", number(0), "Number of retries of a task, unless the recipe sets it."
        ),
    ] = 3
    retry_policy: Annotated[
        str | None,
        Variable(
            "ARGO_WORKFLOW_RETRY_POLICY",
            choice("Always", "OnFailure", "OnError", "OnTransientError"),
            "An Argo retryPolicy; not set: lost tasks and temporary failures are retried, failed "
            "commands are not.",
        ),
    ] = None


class StorageSettings(NamedTuple):
    """The artifact store: a directory if `directory` is set, otherwise S3."""

    directory: Annotated[
        str | None,
        Variable("OGDC_ARTIFACT_DIR", TEXT, "Directory of the artifact store; not set: S3."),
    ] = None
    url: Annotated[
        str | None,
        Variable(
            "OGDC_ARTIFACT_URL",
            TEXT,
            "Base URL of signed links to the artifact directory (the gateway).",
        ),
    ] = None
    signing_key: Annotated[
        str | None, Variable("OGDC_SIGNING_KEY", TEXT, "Key that signs links to the artifact directory.")
    ] = None
    bucket: Annotated[str, Variable("OGDC_S3_BUCKET", TEXT, "S3 bucket of the artifact store.")] = (
        "argo-workflows"
    )
    access_key: Annotated[
        str | None,
        Variable(
            "S3_SECRET_KEY_ID",
            TEXT,
            "Access key id; not set: boto3's defaults (environment, role of the pod).",
        ),
    ] = None
    secret_key: Annotated[str | None, Variable("S3_SECRET_KEY_KEY", TEXT, "Secret access key.")] = None
    internal_endpoint: Annotated[
        str | None,
        Variable("INTERNAL_S3_ENDPOINT_URL", TEXT, "S3 endpoint as seen by the services; not set: AWS."),
    ] = None
    public_endpoint: Annotated[
        str | None,
        Variable(
            "PUBLIC_S3_ENDPOINT_URL",
            TEXT,
            "S3 endpoint as seen by users, for download links; not set: the same.",
        ),
    ] = None
    link_seconds: Annotated[
        int, Variable("OGDC_LINK_SECONDS", number(1), "Lifetime of download links, in seconds.")
    ] = 7200
    published: Annotated[
        str | None,
        Variable(
            "OGDC_PUBLISHED_DIR",
            TEXT,
            "Mount point of the workflow volume in `status`, to serve files published by "
            "`output.type: pvc`; may be read-only. Not set: these files are not served.",
            readers="status",
        ),
    ] = None


class UploadSettings(NamedTuple):
    """Notifications of object stores, and access to their objects."""

    buckets: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_UPLOAD_BUCKETS",
            _BUCKETS,
            "Buckets at the artifact store's S3 service that triggered runs may read with its key.",
        ),
    ] = ()
    token: Annotated[
        str | None,
        Variable(
            "OGDC_UPLOAD_TOKEN",
            TEXT,
            "Token required in notifications of uploads; not set: anybody who can reach the function "
            "may send them.",
        ),
    ] = None


class TelemetrySettings(NamedTuple):
    """Export of spans and metrics; OpenTelemetry's SDK reads its other variables itself."""

    service: Annotated[str, Variable("OTEL_SERVICE_NAME", TEXT, "The service name in spans and metrics.")] = (
        "ogdc-runner"
    )
    endpoint: Annotated[
        str | None,
        Variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            TEXT,
            "Base URL of a collector for OTLP over HTTP, such as http://collector:4318; not set: none.",
        ),
    ] = None
    traces: Annotated[
        str | None,
        Variable(
            "OTEL_TRACES_EXPORTER",
            choice("otlp", "none"),
            "Exporter of spans: `otlp` or `none`; not set: `otlp` if there is an endpoint.",
        ),
    ] = None
    metrics: Annotated[
        str | None,
        Variable(
            "OTEL_METRICS_EXPORTER",
            choice("otlp", "none"),
            "Exporter of metrics: `otlp` or `none`; not set: `otlp` if there is an endpoint.",
        ),
    ] = None
    disabled: Annotated[
        bool,
        Variable("OTEL_SDK_DISABLED", FLAG, "Whether to send nothing, whatever the other variables say."),
    ] = False

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

    image: Annotated[
        str,
        Variable(
            "OGDC_WORKER_IMAGE",
            TEXT,
            "Image of tasks, at least as new as the services; not set: `ghcr.io/qgreenland-net/ogdc-"
            "worker` of their own version.",
        ),
    ] = ""
    image_pull_policy: Annotated[
        str,
        Variable(
            "OGDC_WORKER_IMAGE_PULL_POLICY",
            choice("Always", "IfNotPresent", "Never"),
            "Pull policy of the tasks' image.",
        ),
    ] = "IfNotPresent"
    volume_claim: Annotated[
        str,
        Variable(
            "OGDC_WORKFLOW_PVC_NAME",
            TEXT,
            "Claim of the workflow volume, which has published data and the workspaces of runs.",
        ),
    ] = "cephfs-qgnet-ogdc-workflow-pvc"
    allowed_input_claims: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_ALLOWED_INPUT_PVCS",
            _CLAIMS,
            "Further claims that `pvc_mount` inputs may use.",
        ),
    ] = ()
    allowed_secrets: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_ALLOWED_SECRETS",
            _SECRETS,
            'Secrets in the workflows\' namespace that `workflow.secrets` may use; ["*"]: any.',
        ),
    ] = ()
    credentials_secret: Annotated[
        str | None,
        Variable(
            "OGDC_CREDENTIALS_SECRET",
            TEXT,
            "Secret in the workflows' namespace with the deployment's logins for inputs: `netrc`, and"
            " `tokens` with a `HOST TOKEN` per line. Tasks then fetch in a separate container, and "
            "commands cannot see it.",
        ),
    ] = None
    cpu: Annotated[str, Variable("OGDC_WORKER_CPU", TEXT, "CPU request of a task.")] = "1"
    memory: Annotated[str, Variable("OGDC_WORKER_MEMORY", TEXT, "Memory limit of a task.")] = "2Gi"
    scratch: Annotated[str, Variable("OGDC_WORKER_SCRATCH", TEXT, "Scratch space of a task.")] = "10Gi"
    timeout: Annotated[
        int, Variable("OGDC_WORKFLOW_TIMEOUT", number(1), "Maximum duration of a workflow, in seconds.")
    ] = 86400
    start_timeout: Annotated[
        int,
        Variable(
            "OGDC_START_TIMEOUT",
            number(0),
            "Seconds that a task may wait for its image, a volume, quota or a node before its run "
            "fails with the reason; 0: until the workflow's timeout.",
            readers="submit, status, argo_events",
        ),
    ] = 3600
    max_parallelism: Annotated[
        int,
        Variable("OGDC_MAX_PARALLEL_LIMIT", number(1), "Maximum number of concurrent tasks of a workflow."),
    ] = 5
    max_partitions: Annotated[
        int,
        Variable(
            "OGDC_MAX_PARTITIONS",
            number(1),
            "Maximum number of partitions; a run that would have more is rejected.",
        ),
    ] = 10_000
    reuse_size: Annotated[
        str,
        Variable(
            "OGDC_REUSE_SIZE",
            _AMOUNT,
            "Maximum size of task results kept on the workflow volume for reuse; 0: none, and each "
            "run executes everything.",
        ),
    ] = "20Gi"
    reuse_days: Annotated[
        int, Variable("OGDC_REUSE_DAYS", number(1), "Days that a result is kept without being reused.")
    ] = 30
    published_rights: Annotated[
        str,
        Variable(
            "OGDC_PUBLISHED_RIGHTS",
            _RIGHTS,
            "Permissions of published data, as for chmod; setuid, setgid and sticky bits are always removed.",
        ),
    ] = "u+rwX,go+rX"
