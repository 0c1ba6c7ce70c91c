"""CloudEvents over HTTP: the one place that knows the library which reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudevents.exceptions import GenericException
from cloudevents.http import CloudEvent, from_http
from cloudevents.sdk.converters import is_binary

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.tracing import Trace, read_trace

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
MAX_BATCH = 1000

# What the library lets through from its own code when an attribute has the wrong type.
_MALFORMED = (GenericException, ValueError, TypeError, AttributeError, KeyError)


class Event(NamedTuple):
    """One CloudEvent; (`source`, `id`) tells it from every other."""

    id: str
    source: str
    type: str
    subject: str | None
    data: Any
    """The JSON value, or str or bytes where the data are no JSON; None where there are none."""
    trace: Trace | None = None
    """In which it began, by the extension for that; None: it does not say."""


def read_events(headers: Mapping[str, str], body: bytes) -> tuple[Event, ...]:
    """Read the events of one request, in binary, structured or batched content mode.

    Raises:
        InvalidRequestError: the request is no CloudEvent, or one of a batch is none.

    Source: CloudEvents HTTP protocol binding 1.0.2, section 3; extensions/distributed-tracing.md.
    """
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type == BATCH_TYPE:
        return tuple(_read({"content-type": STRUCTURED_TYPE}, json.dumps(item)) for item in _items(body))
    if content_type == STRUCTURED_TYPE or is_binary(headers):
        return (_read(headers, body),)
    raise InvalidRequestError(
        "This is no CloudEvent: send the headers ce-id, ce-source, ce-type and ce-specversion, "
        f"or Content-Type {STRUCTURED_TYPE} or {BATCH_TYPE}."
    )


def _items(body: bytes) -> list[Any]:
    try:
        items = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"The batch of CloudEvents is not JSON: {exc}.") from exc
    if not isinstance(items, list) or len(items) > MAX_BATCH:
        raise InvalidRequestError(f"A batch of CloudEvents is a JSON list of at most {MAX_BATCH}.")
    return items


def _read(headers: Mapping[str, str], body: str | bytes) -> Event:
    try:
        event = from_http(headers, body)
    except (*_MALFORMED, RecursionError) as exc:
        raise InvalidRequestError(f"This CloudEvent cannot be read: {type(exc).__name__}.") from exc
    id_, source, type_ = (_attribute(event, name) for name in ("id", "source", "type"))
    subject = _attribute(event, "subject") if event.get("subject") is not None else None
    trace = read_trace(event.get("traceparent"), event.get("tracestate"))
    return Event(id=id_, source=source, type=type_, subject=subject, data=event.data, trace=trace)


def _attribute(event: CloudEvent, name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidRequestError(
            f"The CloudEvent's {name} is {value!r}; it has to be a text that is not empty."
        )
    return value
