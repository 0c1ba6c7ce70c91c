"""Choosing the telemetry implementation; imports OpenTelemetry only if it is configured."""

from __future__ import annotations

from ogdc_shared.config import TelemetrySettings
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.telemetry.base import Telemetry


def open_telemetry(settings: TelemetrySettings) -> Telemetry:
    """Return what records spans and metrics; nothing is sent before the first of them.

    Raises:
        ConfigurationError: a collector is configured, and what sends to it is not installed.
    """
    if not settings.sends_traces and not settings.sends_metrics:
        return Telemetry()
    try:
        from ogdc_shared.telemetry.otlp import CollectedTelemetry
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT names a collector, but {exc.name} is not installed: "
            "install ogdc-runner[telemetry], or set OTEL_SDK_DISABLED=true."
        ) from exc
    return CollectedTelemetry(settings)
