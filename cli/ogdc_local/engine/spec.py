"""The part of Argo's Workflow API that the compiler writes, as structs that reject unknown fields.

Fields of type `Ignored` concern pods and clusters and have no meaning on one machine. Numbers may be given as
text, like Argo's int-or-string fields. Null means missing.

Source: pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

Ignored = Any
Number = int | str
Text = int | str


class _Object(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """An object of a manifest."""


class Claim(_Object):
    claim_name: str
    read_only: bool | None = None


class EmptyDir(_Object):
    size_limit: Text | None = None
    medium: Ignored = None


class Secret(_Object):
    secret_name: str


class Volume(_Object):
    name: str
    persistent_volume_claim: Claim | None = None
    empty_dir: EmptyDir | None = None
    secret: Secret | None = None


class ValueFrom(_Object):
    path: str | None = None
    default: Text | None = None


class Parameter(_Object):
    name: str | None = None
    value: Text | None = None
    default: Text | None = None
    value_from: ValueFrom | None = None


class S3(_Object):
    key: str


class Archive(_Object):
    none: Ignored = None
    tar: Ignored = None


class Artifact(_Object):
    name: str | None = None
    path: str | None = None
    s3: S3 | None = None
    archive: Archive | None = None
    mode: Ignored = None
    optional: bool | None = None


class Ports(_Object):
    """Inputs or outputs of a template."""

    parameters: list[Parameter] | None = None
    artifacts: list[Artifact] | None = None


class Resources(_Object):
    limits: dict[str, str] | None = None
    requests: Ignored = None


class Env(_Object):
    name: str
    value: Text | None = None


class Mount(_Object):
    name: str
    mount_path: str | None = None
    sub_path: str | None = None
    read_only: bool | None = None


class Container(_Object):
    image: str
    name: Ignored = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[Env] | None = None
    volume_mounts: list[Mount] | None = None
    resources: Resources | None = None
    image_pull_policy: Ignored = None
    security_context: Ignored = None


class Backoff(_Object):
    duration: Text | None = None
    factor: Number | None = None
    cap: Text | None = None


class RetryStrategy(_Object):
    limit: Number | None = None
    retry_policy: str | None = None
    expression: str | None = None
    backoff: Backoff | None = None


class Sequence(_Object):
    count: Text
    start: Text | None = None


class Arguments(_Object):
    parameters: list[Parameter] | None = None


class Task(_Object):
    name: str | None = None
    template: str | None = None
    depends: str | None = None
    dependencies: list[str] | None = None
    arguments: Arguments | None = None
    with_sequence: Sequence | None = None
    with_param: str | None = None


class Dag(_Object):
    tasks: list[Task] | None = None
    fail_fast: bool | None = None


class PodMetadata(_Object):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Template(_Object):
    name: str | None = None
    inputs: Ports | None = None
    outputs: Ports | None = None
    container: Container | None = None
    dag: Dag | None = None
    retry_strategy: RetryStrategy | None = None
    active_deadline_seconds: Number | None = None
    metadata: PodMetadata | None = None
    archive_location: Ignored = None
    node_selector: Ignored = None
    tolerations: Ignored = None
    security_context: Ignored = None


class TtlStrategy(_Object):
    seconds_after_completion: Number | None = None
    seconds_after_success: Number | None = None
    seconds_after_failure: Number | None = None


class Spec(_Object):
    entrypoint: str | None = None
    templates: list[Template] | None = None
    volumes: list[Volume] | None = None
    parallelism: Number | None = None
    active_deadline_seconds: Number | None = None
    ttl_strategy: TtlStrategy | None = None
    pod_spec_patch: str | None = None
    """Only the compiler's own is accepted."""
    pod_gc: Ignored = field(default=None, name="podGC")
    archive_logs: Ignored = None
    service_account_name: Ignored = None
    automount_service_account_token: Ignored = None
    executor: Ignored = None
    security_context: Ignored = None
    pod_metadata: Ignored = None
    priority: Ignored = None
    image_pull_secrets: Ignored = None
    node_selector: Ignored = None
    tolerations: Ignored = None


class Metadata(_Object):
    name: str | None = None
    namespace: Ignored = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Workflow(_Object):
    api_version: Ignored = None
    kind: str | None = None
    metadata: Metadata | None = None
    spec: Spec | None = None
    status: Ignored = None
