"""Spans and metrics of the services, for an optional collector.

Without one, OpenTelemetry is not imported: the trace context of a request is passed on unchanged, and nothing
is recorded (docs/decisions/0011-push-telemetry.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from ogdc_shared.telemetry.tracing import Trace, current, new_trace, within

Attributes = Mapping[str, str | int]
Kind = Literal["INTERNAL", "SERVER", "CLIENT", "CONSUMER"]

REQUEST_DURATION = "http.server.request.duration"
CONNECTION_WAIT = "db.client.connection.wait_time"
EVENTS = "ogdc.events"
RUNS_SUBMITTED = "ogdc.runs.submitted"
RUNS_ENDED = "ogdc.runs.ended"
REMOVED = "ogdc.removed"


class Telemetry:
    """What a service without a collector has."""

    @contextmanager
    def span(
        self, name: str, *, kind: Kind = "INTERNAL", trace: Trace | None = None, attributes: Attributes
    ) -> Iterator[dict[str, str | int]]:
        """Run the block within a span.

        Args:
            name: The kind of work; one of few names.
            kind: The span kind, as OpenTelemetry names it.
            trace: The trace to continue, or None for the current one, or else a new one.
            attributes: Attributes known at the start.

        Yields:
            A dictionary for further attributes; with `error.type` the span counts as failed.
        """
        with within(trace or current().trace or new_trace()):
            yield {}

    def count(self, name: str, attributes: Attributes, number: int = 1) -> None:
        """Increase the counter `name` by `number`."""

    def measure(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Record how long something took that `name` is about."""

    def close(self) -> None:
        """Send all pending data."""
