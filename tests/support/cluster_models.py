"""Strict models of the custom resources in `knative/`: the fields used there, and no others.

What Knative Serving lets into a pod is less than Kubernetes does: `pkg/apis/serving/fieldmask.go`, with the
features that are on by default, and `k8s_validation.go`.

Source: knative/serving pkg/apis/serving/v1/revision_types.go, pkg/apis/autoscaling/annotation_validation.go;
knative/eventing pkg/apis/{eventing,sources}/v1, pkg/apis/duck/v1/delivery_types.go and config/core/resources;
kubernetes-sigs/gateway-api apis/v1 and apis/v1beta1; traefik/traefik v3.7
pkg/provider/kubernetes/crd/traefikio/v1alpha1; cloudnative-pg/cloudnative-pg api/v1/cluster_types.go.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Port = Annotated[int, Field(ge=1, le=65535)]
_Positive = Annotated[int, Field(ge=1)]
_Natural = Annotated[int, Field(ge=0)]
_Duration = Annotated[str, Field(pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")]
_IsoDuration = Annotated[str, Field(pattern=r"^PT([0-9]+[HMS])+$")]
_Host = Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
_Quantity = Annotated[str, Field(pattern=r"^[0-9]+(m|[KMGT]i?)?$")]
_Quantities = dict[Literal["cpu", "memory", "ephemeral-storage"], _Quantity]
_VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
_Labels = dict[str, Annotated[str, Field(max_length=63)]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Metadata(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    namespace: str | None = None
    labels: _Labels | None = None
    annotations: dict[str, str] | None = None


class _Object(_Strict):
    apiVersion: str
    kind: str
    metadata: _Metadata


# --- Knative Serving ---


class _KeyRef(_Strict):
    name: str
    key: str
    optional: bool = False


class _ValueFrom(_Strict):
    secretKeyRef: _KeyRef | None = None
    configMapKeyRef: _KeyRef | None = None


class _Variable(_Strict):
    name: _VariableName
    value: str | None = None
    valueFrom: _ValueFrom | None = None


class _Named(_Strict):
    name: str


class _VariablesFrom(_Strict):
    configMapRef: _Named | None = None
    secretRef: _Named | None = None


class _HttpGet(_Strict):
    path: Annotated[str, Field(pattern="^/")]


class _Probe(_Strict):
    """Without a port: the container's only one."""

    httpGet: _HttpGet
    initialDelaySeconds: _Natural = 0
    periodSeconds: _Positive
    timeoutSeconds: _Positive
    successThreshold: _Positive = 1
    failureThreshold: _Positive


class _Capabilities(_Strict):
    drop: list[str]


class _SeccompProfile(_Strict):
    type: Literal["RuntimeDefault", "Localhost", "Unconfined"]


class _SecurityContext(_Strict):
    runAsNonRoot: bool
    runAsUser: _Natural
    runAsGroup: _Natural
    readOnlyRootFilesystem: bool
    allowPrivilegeEscalation: bool
    capabilities: _Capabilities
    seccompProfile: _SeccompProfile


class _Resources(_Strict):
    requests: _Quantities
    limits: _Quantities


class _Mount(_Strict):
    name: str
    mountPath: Annotated[str, Field(pattern="^/")]
    readOnly: bool = False


class _Container(_Strict):
    name: str
    image: str
    env: list[_Variable]
    envFrom: list[_VariablesFrom] = []
    readinessProbe: _Probe
    livenessProbe: _Probe
    resources: _Resources
    securityContext: _SecurityContext
    volumeMounts: list[_Mount]


class _EmptyDir(_Strict):
    sizeLimit: _Quantity


class _Item(_Strict):
    key: str
    path: str


class _ProjectedConfigMap(_Strict):
    name: str
    items: list[_Item]


class _ProjectedToken(_Strict):
    path: str
    expirationSeconds: Annotated[int, Field(ge=600)]


class _ProjectedSource(_Strict):
    serviceAccountToken: _ProjectedToken | None = None
    configMap: _ProjectedConfigMap | None = None


class _Projected(_Strict):
    sources: list[_ProjectedSource]


class _Volume(_Strict):
    name: str
    emptyDir: _EmptyDir | None = None
    projected: _Projected | None = None


class _RevisionSpec(_Strict):
    serviceAccountName: str
    automountServiceAccountToken: Literal[False] = False  # Knative takes nothing else
    enableServiceLinks: bool
    containerConcurrency: Annotated[int, Field(ge=0, le=1000)]
    timeoutSeconds: Annotated[int, Field(ge=1, le=600)]
    containers: Annotated[list[_Container], Field(min_length=1, max_length=1)]
    volumes: list[_Volume]


_SCALING = "autoscaling.knative.dev/"


class _Scaling(_Strict):
    least: Annotated[str, Field(alias=f"{_SCALING}min-scale", pattern=r"^\d+$")]
    most: Annotated[str, Field(alias=f"{_SCALING}max-scale", pattern=r"^\d+$")]
    window: Annotated[_Duration, Field(alias=f"{_SCALING}window")]
    retention: Annotated[_Duration | None, Field(alias=f"{_SCALING}scale-to-zero-pod-retention-period")] = (
        None
    )


class _RevisionMetadata(_Strict):
    labels: _Labels
    annotations: _Scaling


class _RevisionTemplate(_Strict):
    metadata: _RevisionMetadata
    spec: _RevisionSpec


class _ServiceSpec(_Strict):
    template: _RevisionTemplate


class KnativeService(_Object):
    """serving.knative.dev/v1 Service."""

    spec: _ServiceSpec


# --- Knative Eventing ---


class _Reference(_Strict):
    apiVersion: str
    kind: str
    name: str


class _Destination(_Strict):
    ref: _Reference
    uri: Annotated[str, Field(pattern="^/")] | None = None
    audience: Annotated[str, Field(min_length=1)] | None = None


class _Delivery(_Strict):
    retry: _Natural
    backoffPolicy: Literal["linear", "exponential"]
    backoffDelay: _IsoDuration
    deadLetterSink: _Destination


class _BrokerSpec(_Strict):
    delivery: _Delivery


class Broker(_Object):
    """eventing.knative.dev/v1 Broker."""

    spec: _BrokerSpec


_Attributes = Annotated[dict[Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")], str], Field(min_length=1)]


class _Filter(_Strict):
    exact: _Attributes | None = None
    prefix: _Attributes | None = None
    not_: Annotated[_Filter | None, Field(alias="not")] = None


class _TriggerSpec(_Strict):
    broker: str
    filters: Annotated[list[_Filter], Field(min_length=1)]
    subscriber: _Destination


class Trigger(_Object):
    """eventing.knative.dev/v1 Trigger."""

    spec: _TriggerSpec


class _Requirement(_Strict):
    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]


class _Selector(_Strict):
    matchExpressions: list[_Requirement]


class _WatchedResource(_Strict):
    apiVersion: str
    kind: str
    selector: _Selector


class _ApiServerSourceSpec(_Strict):
    serviceAccountName: str
    mode: Literal["Resource", "Reference"]
    resources: Annotated[list[_WatchedResource], Field(min_length=1)]
    sink: _Destination


class ApiServerSource(_Object):
    """sources.knative.dev/v1 ApiServerSource."""

    spec: _ApiServerSourceSpec


class _PingSourceSpec(_Strict):
    schedule: Annotated[str, Field(pattern=r"^(\S+ ){4}\S+$")]
    contentType: str
    data: str
    sink: _Destination


class PingSource(_Object):
    """sources.knative.dev/v1 PingSource."""

    spec: _PingSourceSpec


# --- Gateway API ---


class _ParentRef(_Strict):
    name: str
    namespace: str | None = None
    sectionName: str | None = None


class _Path(_Strict):
    type: Literal["Exact", "PathPrefix", "RegularExpression"]
    value: Annotated[str, Field(pattern="^/")]


class _Match(_Strict):
    path: _Path
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] | None = None


class _Rewrite(_Strict):
    hostname: _Host


class _RouteFilter(_Strict):
    type: Literal["URLRewrite"]
    urlRewrite: _Rewrite


class _BackendRef(_Strict):
    name: str
    namespace: str | None = None
    port: _Port


class _Timeouts(_Strict):
    request: _Duration


class _Rule(_Strict):
    matches: Annotated[list[_Match], Field(min_length=1, max_length=64)]
    filters: list[_RouteFilter]
    backendRefs: Annotated[list[_BackendRef], Field(min_length=1)]
    timeouts: _Timeouts


class _RouteSpec(_Strict):
    parentRefs: Annotated[list[_ParentRef], Field(min_length=1)]
    hostnames: list[_Host] | None = None
    rules: Annotated[list[_Rule], Field(min_length=1, max_length=16)]


class HttpRoute(_Object):
    """gateway.networking.k8s.io/v1 HTTPRoute."""

    spec: _RouteSpec


class _RouteNamespaces(_Strict):
    from_: Annotated[Literal["All", "Same", "Selector"], Field(alias="from")]


class _AllowedRoutes(_Strict):
    namespaces: _RouteNamespaces


class _Listener(_Strict):
    name: str
    protocol: Literal["HTTP", "HTTPS"]
    port: _Port
    allowedRoutes: _AllowedRoutes


class _GatewaySpec(_Strict):
    gatewayClassName: str
    listeners: Annotated[list[_Listener], Field(min_length=1)]


class Gateway(_Object):
    """gateway.networking.k8s.io/v1 Gateway."""

    spec: _GatewaySpec


class _GatewayClassSpec(_Strict):
    controllerName: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/.+$")]


class GatewayClass(_Object):
    """gateway.networking.k8s.io/v1 GatewayClass."""

    spec: _GatewayClassSpec


class _GrantFrom(_Strict):
    group: str
    kind: str
    namespace: str


class _GrantTo(_Strict):
    group: str
    kind: str
    name: str | None = None


class _GrantSpec(_Strict):
    from_: Annotated[list[_GrantFrom], Field(alias="from", min_length=1)]
    to: Annotated[list[_GrantTo], Field(min_length=1)]


class ReferenceGrant(_Object):
    """gateway.networking.k8s.io/v1beta1 ReferenceGrant."""

    spec: _GrantSpec


# --- Traefik ---


class _TraefikService(_Strict):
    name: str
    port: _Port


class _TraefikRoute(_Strict):
    kind: Literal["Rule"]
    match: Annotated[str, Field(pattern=r"^Host\(`[a-z0-9.-]+`\)")]
    priority: Annotated[int, Field(ge=0)] | None = None
    middlewares: list[_Named]
    services: Annotated[list[_TraefikService], Field(min_length=1)]


class _IngressRouteSpec(_Strict):
    routes: Annotated[list[_TraefikRoute], Field(min_length=1)]


class IngressRoute(_Object):
    """traefik.io/v1alpha1 IngressRoute."""

    spec: _IngressRouteSpec


class _Headers(_Strict):
    customRequestHeaders: dict[Literal["Host"], _Host]


class _MiddlewareSpec(_Strict):
    headers: _Headers


class Middleware(_Object):
    """traefik.io/v1alpha1 Middleware."""

    spec: _MiddlewareSpec


# --- CloudNativePG ---


class _Initdb(_Strict):
    database: str
    owner: str


class _Bootstrap(_Strict):
    initdb: _Initdb


class _PostgresConfiguration(_Strict):
    parameters: dict[str, str]


class _Storage(_Strict):
    size: _Quantity
    storageClass: str | None = None


class _ClusterSpec(_Strict):
    instances: Annotated[int, Field(ge=1)]
    bootstrap: _Bootstrap
    postgresql: _PostgresConfiguration
    resources: _Resources
    storage: _Storage


class PostgresCluster(_Object):
    """postgresql.cnpg.io/v1 Cluster."""

    spec: _ClusterSpec


MODELS: dict[tuple[str, str], type[_Object]] = {
    ("serving.knative.dev/v1", "Service"): KnativeService,
    ("eventing.knative.dev/v1", "Broker"): Broker,
    ("eventing.knative.dev/v1", "Trigger"): Trigger,
    ("sources.knative.dev/v1", "ApiServerSource"): ApiServerSource,
    ("sources.knative.dev/v1", "PingSource"): PingSource,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): HttpRoute,
    ("gateway.networking.k8s.io/v1", "Gateway"): Gateway,
    ("gateway.networking.k8s.io/v1", "GatewayClass"): GatewayClass,
    ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant"): ReferenceGrant,
    ("traefik.io/v1alpha1", "IngressRoute"): IngressRoute,
    ("traefik.io/v1alpha1", "Middleware"): Middleware,
    ("postgresql.cnpg.io/v1", "Cluster"): PostgresCluster,
}
