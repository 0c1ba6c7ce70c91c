"""CloudEvents over HTTP; the only module that uses the cloudevents library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from cloudevents.conversion import to_binary, to_structured
from cloudevents.exceptions import GenericException
from cloudevents.http import CloudEvent, from_http
from cloudevents.sdk.converters import is_binary

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.json_text import read_json
from ogdc_shared.telemetry.tracing import Trace, read_trace

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
MAX_BATCH = 1000
MAX_ATTRIBUTE = 1024
"""Bytes; the index by source and id holds 2,700, and no object's key, the subject of some, is longer."""

# What the library lets through from its own code when an attribute has the wrong type.
_MALFORMED = (GenericException, ValueError, TypeError, AttributeError, KeyError, RecursionError)

TOKEN_EXTENSION = "ogdctoken"  # noqa: S105  its name
"""Name of the attribute that bears the deployment's token."""

_LARGE = 1 << 18
"""Bytes of data from which on a faster reader is worth the time that its import takes."""


class Event(NamedTuple):
    """One CloudEvent; (`source`, `id`) tells it from every other."""

    id: str
    source: str
    type: str
    subject: str | None
    data: Any
    """The JSON value, str or bytes if the data are not JSON, or None if there are none."""
    trace: Trace | None = None
    """The trace it belongs to (from the extension attribute), or None if it has none."""
    token: str | None = None
    """A secret that proves the sender is one of our sources (an extension attribute), or None."""
    time: str | None = None
    """When it happened (RFC 3339), set on events that we send; None means now."""


def is_event(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it is a CloudEvent, or several."""
    return _content_type(headers) in (STRUCTURED_TYPE, BATCH_TYPE) or is_binary(headers)


def each_event(headers: Mapping[str, str], body: bytes) -> list[Callable[[], Event]]:
    """Split a request into its events; each is parsed by a call, which may raise InvalidRequestError.

    Raises:
        InvalidRequestError: the request is neither a CloudEvent nor a batch.

    Source: CloudEvents HTTP protocol binding 1.0.2, section 3; extensions/distributed-tracing.md.
    """
    if _content_type(headers) == BATCH_TYPE:
        return [partial(_read_item, item) for item in _items(body)]
    if is_event(headers):
        return [partial(_read, headers, body)]
    raise InvalidRequestError(
        "This is not a CloudEvent: send the headers ce-id, ce-source, ce-type and ce-specversion, "
        f"or Content-Type {STRUCTURED_TYPE} or {BATCH_TYPE}."
    )


def write_event(event: Event) -> tuple[dict[str, str], bytes]:
    """Write an event in binary content mode: headers and body, `data` as JSON."""
    headers, body = to_binary(_outgoing(event))
    return headers, bytes(body or b"")


def write_structured_event(event: Event) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an event in structured content mode, where the body has all of it."""
    headers, body = to_structured(_outgoing(event))
    return headers, bytes(body)


def _outgoing(event: Event) -> CloudEvent:
    attributes = {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
    }
    attributes[TOKEN_EXTENSION] = event.token
    attributes |= {"datacontenttype": "application/json"} | (event.trace.headers if event.trace else {})
    known = {name: value for name, value in attributes.items() if value is not None}
    return CloudEvent(known, event.data)


def _content_type(headers: Mapping[str, str]) -> str:
    given = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return given.partition(";")[0].strip().lower()


def _items(body: bytes) -> list[Any]:
    items = read_json(body, refusal="The batch of CloudEvents is not JSON")
    if not isinstance(items, list) or len(items) > MAX_BATCH:
        raise InvalidRequestError(f"A batch of CloudEvents is a JSON list of at most {MAX_BATCH}.")
    return items


def _read_item(item: Any) -> Event:
    try:
        body = json.dumps(item).encode()
    except RecursionError as exc:
        raise InvalidRequestError("A CloudEvent of the batch is nested too deeply.") from exc
    return _read({"content-type": STRUCTURED_TYPE}, body)


def _read(headers: Mapping[str, str], body: bytes) -> Event:
    try:
        event = from_http(headers, body, data_unmarshaller=_data)
    except _MALFORMED as exc:
        raise InvalidRequestError(f"This CloudEvent cannot be read: {exc!s:.200}") from exc
    id_, source, type_ = (_attribute(event, name) for name in ("id", "source", "type"))
    subject = _attribute(event, "subject") if event.get("subject") is not None else None
    trace = read_trace(event.get("traceparent"), event.get("tracestate"))
    token = event.get(TOKEN_EXTENSION)
    return Event(
        id=id_,
        source=source,
        type=type_,
        subject=subject,
        data=event.data,
        trace=trace,
        token=token if isinstance(token, str) else None,
    )


def _data(content: Any) -> Any:
    """Parse an event's data as the library does: as JSON, otherwise unchanged; large ones faster."""
    if isinstance(content, bytes) and len(content) >= _LARGE:
        import msgspec

        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(content)
    try:
        return json.loads(content)
    except (ValueError, TypeError):
        return content


def _attribute(event: CloudEvent, name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidRequestError(f"The CloudEvent's {name} is {value!r:.80}; it must be a non-empty string.")
    if len(value.encode(errors="replace")) > MAX_ATTRIBUTE:
        raise InvalidRequestError(f"The CloudEvent's {name} has more than {MAX_ATTRIBUTE} bytes.")
    return value
