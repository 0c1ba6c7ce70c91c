"""Telemetry sent to a collector by OTLP over HTTP; the only module that imports OpenTelemetry.

The SDK itself reads OpenTelemetry's variables about endpoints, headers, sampling and intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import Lock
from uuid import uuid4

from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from ogdc_shared.config import TelemetrySettings
from ogdc_shared.telemetry import base as telemetry
from ogdc_shared.telemetry.base import Attributes, Kind, Telemetry
from ogdc_shared.telemetry.tracing import Trace, current, within

_LIBRARY = "ogdc-runner"
_COUNTERS = {
    telemetry.EVENTS: ("{event}", "Events received, by what became of them."),
    telemetry.RUNS_SUBMITTED: ("{run}", "Runs recorded."),
    telemetry.RUNS_ENDED: ("{run}", "Runs that ended, by their last phase."),
    telemetry.REMOVED: ("{item}", "What is kept no longer and was removed, by what it was."),
}
_HISTOGRAMS = {
    telemetry.REQUEST_DURATION: "Duration of HTTP server requests.",
    telemetry.CONNECTION_WAIT: "The time it took to obtain an open connection from the pool.",
}
# The boundaries that the semantic conventions give for HTTP, and two below them for the pool.
_SECONDS = (0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class CollectedTelemetry(Telemetry):
    """Sends spans and metrics, from threads that start with the first of them: web servers fork before."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._settings = settings
        self._starting = Lock()
        self._sender: _Sender | None = None

    @contextmanager
    def span(
        self, name: str, *, kind: Kind = "INTERNAL", trace: Trace | None = None, attributes: Attributes
    ) -> Iterator[dict[str, str | int]]:
        """Run the block within a span; one that continues another trace is linked to the current span."""
        if not self._settings.sends_traces:
            with super().span(name, kind=kind, trace=trace, attributes=attributes) as noted:
                yield noted
            return
        outer = current().trace
        parent = trace or outer
        others = [outer] if outer and parent and outer.trace_id != parent.trace_id else []
        span = self._started().tracer.start_span(
            name,
            context=otel.set_span_in_context(otel.NonRecordingSpan(_context(parent))) if parent else None,
            kind=otel.SpanKind[kind],
            attributes=attributes,
            links=[otel.Link(_context(other)) for other in others],
        )
        added: dict[str, str | int] = {}
        try:
            with within(_trace(span.get_span_context())):
                yield added
        except BaseException as exc:
            added["error.type"] = type(exc).__qualname__
            raise
        finally:
            span.set_attributes(added)
            if "error.type" in added:
                span.set_status(otel.StatusCode.ERROR)
            span.end()

    def count(self, name: str, attributes: Attributes, number: int = 1) -> None:
        """Increase the counter `name` by `number`."""
        self._started().counters[name].add(number, attributes)

    def measure(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Record how long something took that `name` is about."""
        self._started().histograms[name].record(seconds, attributes)

    def close(self) -> None:
        """Send all pending data; takes at most twice OTEL_EXPORTER_OTLP_TIMEOUT."""
        with self._starting:
            if self._sender is not None:
                self._sender.close()
                self._sender = None

    def _started(self) -> _Sender:
        with self._starting:
            if self._sender is None:
                self._sender = _Sender(self._settings)
            return self._sender


class _Sender:
    """The SDK's providers; without a reader the one for metrics keeps none."""

    def __init__(self, settings: TelemetrySettings) -> None:
        release = version("ogdc-runner")
        # Without it, what several processes count would be taken for one counter that goes to and fro.
        instance = {"service.instance.id": uuid4().hex}
        resource = Resource.create(instance | {"service.name": settings.service, "service.version": release})
        readers = [PeriodicExportingMetricReader(OTLPMetricExporter())] if settings.sends_metrics else []
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        if settings.sends_traces:
            self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._metrics = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter(_LIBRARY, release)
        self.tracer = self._traces.get_tracer(_LIBRARY, release)
        self.counters: dict[str, Counter] = {
            name: meter.create_counter(name, unit, about) for name, (unit, about) in _COUNTERS.items()
        }
        self.histograms: dict[str, Histogram] = {
            name: meter.create_histogram(name, "s", about, explicit_bucket_boundaries_advisory=_SECONDS)
            for name, about in _HISTOGRAMS.items()
        }

    def close(self) -> None:
        self._traces.shutdown()
        self._metrics.shutdown()


def _context(trace: Trace) -> otel.SpanContext:
    return otel.SpanContext(
        trace_id=int(trace.trace_id, 16),
        span_id=int(trace.span_id, 16),
        is_remote=True,
        trace_flags=otel.TraceFlags(int(trace.flags, 16)),
        trace_state=otel.TraceState.from_header([trace.state] if trace.state else []),
    )


def _trace(context: otel.SpanContext) -> Trace:
    return Trace(
        otel.format_trace_id(context.trace_id),
        otel.format_span_id(context.span_id),
        f"{context.trace_flags:02x}",
        context.trace_state.to_header(),
    )
