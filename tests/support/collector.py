"""A collector of OpenTelemetry's, as small as can be: takes OTLP over HTTP and remembers it.

::

    with Collector() as collector:
        …                       # OTEL_EXPORTER_OTLP_ENDPOINT=collector.url
        assert [span.name for span in collector.spans()] == ["GET /runs"]
        assert collector.points("ogdc.events")
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


class Collector:
    """Listens on this machine from `__enter__` to `__exit__`.

    Attributes:
        requests: What was sent, as (path, message).
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []

    def __enter__(self) -> Collector:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[Any]:
        """All spans, as OTLP has them."""
        return [
            span
            for message in self._messages("/v1/traces")
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def points(self, name: str) -> list[Any]:
        """The data points of a metric as they were sent last, of each process that sent some."""
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
        """What spans and metrics were said to come from."""
        return [
            attributes(part.resource)
            for _, message in self.requests
            for part in getattr(message, "resource_spans", None) or message.resource_metrics
        ]

    def _messages(self, path: str) -> Iterator[Any]:
        return (message for where, message in list(self.requests) if where == path)


def attributes(of: Any) -> dict[str, Any]:
    """The attributes of a span, a data point or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.requests.append((self.path, _KINDS[self.path].FromString(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
