"""Logging as JSON lines on stderr, for log collectors; configured by an entrypoint, never at import."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from ogdc_shared.telemetry.tracing import current


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object: time, severity, logger, message, and the traceback if any.

    Adds the current context (`ogdc_shared.telemetry.tracing`): `trace_id`, `span_id`, and fields such as
    `run` and `event_id`.

    Source: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/ (names of the ids).
    """

    def format(self, record: logging.LogRecord) -> str:
        """Render `record` on one line."""
        scope = current()
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if scope.trace is not None:
            fields |= {"trace_id": scope.trace.trace_id, "span_id": scope.trace.span_id}
            fields["trace_flags"] = scope.trace.flags
        fields |= scope.fields
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def configure_logging(level: str = "INFO") -> None:
    """Log records and warnings of this process to stderr as JSON, unless logging is configured already."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level)
    logging.captureWarnings(True)
