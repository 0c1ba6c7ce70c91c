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
    refusal="is no amount of data; give one such as 50Gi, or 0.",
)
_BUCKETS = json_list("a JSON list of buckets", _bucket)
_CLAIMS = json_list("a JSON list of claims", _claim)
_SECRETS = json_list("a JSON list of Secrets", str)
_RIGHTS = pattern(
    "a change of rights",
    re.compile(r"[ugoa]+[-+][rwxX]+(,[ugoa]+[-+][rwxX]+)*").fullmatch,
    refusal="is no change of rights; give one such as u+rwX,go+rX or o-rwx.",
)


class DatabaseSettings(NamedTuple):
    """How to reach PostgreSQL; what is None is left to libpq (PGHOST, PGSERVICE, …)."""

    host: Annotated[
        str | None, Variable("OGDC_DB_HOST", TEXT, "Host name, or the directory of a Unix socket.")
    ] = None
    port: Annotated[
        int | None,
        Variable(
            "OGDC_DB_PORT",
            number(0, of=lambda port: port or None),
            "Port of PostgreSQL's server; not set: libpq's.",
        ),
    ] = None
    name: Annotated[
        str | None, Variable("OGDC_DB_NAME", TEXT, "Name of the database that holds the record.")
    ] = None
    user: Annotated[
        str | None,
        Variable("OGDC_DB_USERNAME", TEXT, "Who connects; may change the schema where this migrates."),
    ] = None
    password: Annotated[
        str | None,
        Variable("OGDC_DB_PASSWORD", TEXT, "What that user logs in with; not set: what libpq finds."),
    ] = None
    pool_size: Annotated[
        int, Variable("OGDC_DB_POOL_SIZE", number(1), "Most connections one process opens.")
    ] = 8
    timeout: Annotated[
        float,
        Variable(
            "OGDC_DB_TIMEOUT",
            number(1, of=float),
            "Seconds to wait for a connection before the database counts as away.",
        ),
    ] = 5.0


class ArgoSettings(NamedTuple):
    """How to reach Argo, and what every workflow gets."""

    url: Annotated[
        str,
        Variable(
            "ARGO_WORKFLOWS_SERVICE_URL", BASE_URL, "Base URL of Argo's server, as the services reach it."
        ),
    ] = "http://localhost:2746"
    namespace: Annotated[str, Variable("ARGO_NAMESPACE", TEXT, "Where workflows are created.")] = "qgnet"
    service_account: Annotated[
        str, Variable("ARGO_SERVICE_ACCOUNT_NAME", TEXT, "The account that workflows' pods run under.")
    ] = "argo-workflow"
    token: Annotated[
        str | None,
        Variable(
            "ARGO_TOKEN",
            TEXT,
            "What the services tell Argo's server who they are by, with or without `Bearer` in front.",
        ),
    ] = None
    token_file: Annotated[
        str | None,
        Variable(
            "ARGO_TOKEN_FILE",
            TEXT,
            "A file that holds the token instead; read at each call, since Kubernetes rotates it.",
        ),
    ] = None
    ca_file: Annotated[
        str | None,
        Variable(
            "ARGO_CA_FILE",
            TEXT,
            "Certificates of the authorities that vouch for Argo's server; not set: the system's.",
        ),
    ] = None
    verify_tls: Annotated[
        bool,
        Variable(
            "ARGO_VERIFY_TLS",
            FLAG,
            "Whether Argo's server has to have a certificate that somebody vouches for.",
        ),
    ] = True
    timeout: Annotated[float, Variable("ARGO_TIMEOUT", number(1, of=float), "Seconds for one call.")] = 10.0
    retry_enabled: Annotated[
        bool, Variable("ARGO_WORKFLOW_RETRY_ENABLED", FLAG, "Whether tasks are tried again.")
    ] = True
    retry_limit: Annotated[
        int,
        Variable(
            "ARGO_WORKFLOW_RETRY_LIMIT", number(0), "How often a task is tried again, unless the recipe says."
        ),
    ] = 3
    retry_policy: Annotated[
        str | None,
        Variable(
            "ARGO_WORKFLOW_RETRY_POLICY",
            choice("Always", "OnFailure", "OnError", "OnTransientError"),
            "An Argo retryPolicy; not set: what was lost or failed in passing is retried, a failing "
            "command is not.",
        ),
    ] = None


class StorageSettings(NamedTuple):
    """The artifact store: a directory where `directory` is set, otherwise S3."""

    directory: Annotated[
        str | None,
        Variable("OGDC_ARTIFACT_DIR", TEXT, "Directory of the artifact store; not set: artifacts are in S3."),
    ] = None
    url: Annotated[
        str | None,
        Variable(
            "OGDC_ARTIFACT_URL",
            TEXT,
            "Where the directory store's signed links point (the gateway's base URL).",
        ),
    ] = None
    signing_key: Annotated[
        str | None, Variable("OGDC_SIGNING_KEY", TEXT, "What the directory store's links are signed with.")
    ] = None
    bucket: Annotated[str, Variable("OGDC_S3_BUCKET", TEXT, "Bucket of the artifact store in S3.")] = (
        "argo-workflows"
    )
    access_key: Annotated[
        str | None,
        Variable(
            "S3_SECRET_KEY_ID",
            TEXT,
            "The key's id; not set: what boto3 finds (environment, role of the pod).",
        ),
    ] = None
    secret_key: Annotated[
        str | None, Variable("S3_SECRET_KEY_KEY", TEXT, "The secret that belongs to the key's id.")
    ] = None
    internal_endpoint: Annotated[
        str | None, Variable("INTERNAL_S3_ENDPOINT_URL", TEXT, "S3 as the services reach it; not set: AWS's.")
    ] = None
    public_endpoint: Annotated[
        str | None,
        Variable(
            "PUBLIC_S3_ENDPOINT_URL", TEXT, "S3 as users reach it, for download links; not set: the same."
        ),
    ] = None
    link_seconds: Annotated[
        int, Variable("OGDC_LINK_SECONDS", number(1), "How long a handed-out download link is good for.")
    ] = 7200
    published: Annotated[
        str | None,
        Variable(
            "OGDC_PUBLISHED_DIR",
            TEXT,
            "Where `status` has the workflow volume, to hand out files of what `output.type: pvc` has "
            "published; read-only will do. Not set: it hands out none of them.",
            readers="status",
        ),
    ] = None


class UploadSettings(NamedTuple):
    """What object stores may tell, and which of their objects are read with the artifact store's key."""

    buckets: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_UPLOAD_BUCKETS",
            _BUCKETS,
            "Buckets of the artifact store's service that its key may read for triggered runs.",
        ),
    ] = ()
    token: Annotated[
        str | None,
        Variable(
            "OGDC_UPLOAD_TOKEN",
            TEXT,
            "What a request that tells of uploads has to bear; not set: the network decides who may tell.",
        ),
    ] = None


class TelemetrySettings(NamedTuple):
    """Whether spans and metrics are sent; OpenTelemetry's SDK reads the rest of its variables itself."""

    service: Annotated[
        str, Variable("OTEL_SERVICE_NAME", TEXT, "What spans and metrics name as their source.")
    ] = "ogdc-runner"
    endpoint: Annotated[
        str | None,
        Variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            TEXT,
            "Base URL of a collector that takes OTLP over HTTP, e.g. http://collector:4318; not set: "
            "there is none.",
        ),
    ] = None
    traces: Annotated[
        str | None,
        Variable(
            "OTEL_TRACES_EXPORTER",
            choice("otlp", "none"),
            "Where spans go: `otlp` or `none`; not set: `otlp` where there is an endpoint.",
        ),
    ] = None
    metrics: Annotated[
        str | None,
        Variable(
            "OTEL_METRICS_EXPORTER",
            choice("otlp", "none"),
            "Where metrics go: `otlp` or `none`; not set: `otlp` where there is an endpoint.",
        ),
    ] = None
    disabled: Annotated[bool, Variable("OTEL_SDK_DISABLED", FLAG, "Whether nothing is sent after all.")] = (
        False
    )

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
            "As new as the services, since plans gain fields; not set: `ghcr.io/qgreenland-net/"
            "ogdc-worker` of their own version.",
        ),
    ] = ""
    image_pull_policy: Annotated[
        str,
        Variable(
            "OGDC_WORKER_IMAGE_PULL_POLICY",
            choice("Always", "IfNotPresent", "Never"),
            "When the kubelet fetches the image of tasks.",
        ),
    ] = "IfNotPresent"
    volume_claim: Annotated[
        str,
        Variable(
            "OGDC_WORKFLOW_PVC_NAME", TEXT, "The workflow volume: published data, and what runs work on."
        ),
    ] = "cephfs-qgnet-ogdc-workflow-pvc"
    allowed_input_claims: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_ALLOWED_INPUT_PVCS",
            _CLAIMS,
            "Further claims that `pvc_mount` inputs may name.",
        ),
    ] = ()
    allowed_secrets: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_ALLOWED_SECRETS",
            _SECRETS,
            'Secrets that `workflow.secrets` may name, beside the workflows; ["*"]: any.',
        ),
    ] = ()
    credentials_secret: Annotated[
        str | None,
        Variable(
            "OGDC_CREDENTIALS_SECRET",
            TEXT,
            "Secret beside the workflows with the deployment's logins for inputs: `netrc`, and `tokens` with "
            "`HOST TOKEN` a line. Tasks then fetch in a container of its own, and no command sees it.",
        ),
    ] = None
    cpu: Annotated[str, Variable("OGDC_WORKER_CPU", TEXT, "What one task asks for.")] = "1"
    memory: Annotated[str, Variable("OGDC_WORKER_MEMORY", TEXT, "What one task may use.")] = "2Gi"
    scratch: Annotated[str, Variable("OGDC_WORKER_SCRATCH", TEXT, "A task's own disk.")] = "10Gi"
    timeout: Annotated[int, Variable("OGDC_WORKFLOW_TIMEOUT", number(1), "Seconds a workflow may take.")] = (
        86400
    )
    start_timeout: Annotated[
        int,
        Variable(
            "OGDC_START_TIMEOUT",
            number(0),
            "Seconds a task may wait to begin, for its image, a volume, quota or a node with room, "
            "before its run fails with the reason; 0: as long as the workflow may take.",
            readers="submit, status, argo_events",
        ),
    ] = 3600
    max_parallelism: Annotated[
        int, Variable("OGDC_MAX_PARALLEL_LIMIT", number(1), "Most tasks of one workflow at the same time.")
    ] = 5
    max_partitions: Annotated[
        int, Variable("OGDC_MAX_PARTITIONS", number(1), "A run that would have more is refused.")
    ] = 10_000
    reuse_size: Annotated[
        str,
        Variable(
            "OGDC_REUSE_SIZE",
            _AMOUNT,
            "How much of the results of tasks is kept on the workflow volume for later runs to take; 0: "
            "nothing, and each run does everything anew.",
        ),
    ] = "20Gi"
    reuse_days: Annotated[
        int, Variable("OGDC_REUSE_DAYS", number(1), "Days that a result is kept which no run has taken.")
    ] = 30
    published_rights: Annotated[
        str,
        Variable(
            "OGDC_PUBLISHED_RIGHTS",
            _RIGHTS,
            "What others may do with published data, as for chmod; setuid and the like are always "
            "taken away.",
        ),
    ] = "u+rwX,go+rX"
