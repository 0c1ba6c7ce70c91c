"""A minimal OpenTelemetry collector that stores what it receives by OTLP over HTTP.

::

    with Collector() as collector:
        …                       # OTEL_EXPORTER_OTLP_ENDPOINT=collector.url
        assert [span.name for span in collector.spans()] == ["GET /runs"]
        assert collector.points("ogdc.events")
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.http import Answer, FileServer, Request

_KINDS: dict[str, Any] = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


class Collector(FileServer):
    """Listens on this machine from `__enter__` to `__exit__`.

    Attributes:
        messages: What was sent, as (path, message).
    """

    def __init__(self) -> None:
        super().__init__(Path(os.devnull))
        self.messages: list[tuple[str, Any]] = []
        self.routes = dict.fromkeys(_KINDS, self._take)

    def spans(self) -> list[Any]:
        """All spans in OTLP's form."""
        return [
            span
            for message in self._messages("/v1/traces")
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def points(self, name: str) -> list[Any]:
        """The latest data points of a metric from each process that sent some."""
        newest = {}
        for message in self._messages("/v1/metrics"):
            for resource in message.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            process = attributes(resource.resource)["service.instance.id"]
                            newest[process] = list(getattr(metric, metric.WhichOneof("data")).data_points)
        return [point for points in newest.values() for point in points]

    def resources(self) -> list[dict[str, Any]]:
        """The service names of spans and metrics."""
        return [
            attributes(part.resource)
            for _, message in self.messages
            for part in getattr(message, "resource_spans", None) or message.resource_metrics
        ]

    def _take(self, request: Request) -> Answer:
        packed = request.headers.get("Content-Encoding") == "gzip"
        body = gzip.decompress(request.body) if packed else request.body
        self.messages.append((request.path, _KINDS[request.path].FromString(body)))
        return Answer()

    def _messages(self, path: str) -> Iterator[Any]:
        return (message for where, message in list(self.messages) if where == path)


def attributes(of: Any) -> dict[str, Any]:
    """The attributes of a span, a data point or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}
