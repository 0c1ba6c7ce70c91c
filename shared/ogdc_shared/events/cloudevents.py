"""CloudEvents over HTTP, in binary, structured and batched content mode.

Read by hand: all that is needed is here, and the SDK would take longer for an event than PostgreSQL does.

Source: CloudEvents HTTP protocol binding 1.0.2, section 3; JSON event format 1.0.2;
    extensions/distributed-tracing.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.tracing import Trace, read_trace

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
MAX_BATCH = 1000

_VERSION = "1.0"


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


def is_event(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it is a CloudEvent, or several."""
    return _kind(headers) in (STRUCTURED_TYPE, BATCH_TYPE) or "ce-specversion" in map(str.lower, headers)


def read_events(headers: Mapping[str, str], body: bytes) -> tuple[Event, ...]:
    """Read the events of one request.

    Raises:
        InvalidRequestError: the request is no CloudEvent, or one of a batch is none.
    """
    return tuple(read() for read in each_event(headers, body))


def each_event(headers: Mapping[str, str], body: bytes) -> list[Callable[[], Event]]:
    """Tell the events of one request apart; each is read by a call, which may raise InvalidRequestError.

    Raises:
        InvalidRequestError: the request is no CloudEvent, and no batch of anything.
    """
    kind = _kind(headers)
    if kind == BATCH_TYPE:
        return [partial(_read_structured, item) for item in _items(body)]
    if kind == STRUCTURED_TYPE:
        return [lambda: _read_structured(_json(body))]
    attributes = {
        name.lower()[3:]: value for name, value in headers.items() if name.lower().startswith("ce-")
    }
    if "specversion" in attributes:
        return [lambda: _event(attributes, data=_data(body))]
    raise InvalidRequestError(
        "This is no CloudEvent: send the headers ce-id, ce-source, ce-type and ce-specversion, "
        f"or Content-Type {STRUCTURED_TYPE} or {BATCH_TYPE}."
    )


def _kind(headers: Mapping[str, str]) -> str:
    given = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return given.partition(";")[0].strip().lower()


def _items(body: bytes) -> list[Any]:
    items = _json(body)
    if not isinstance(items, list) or len(items) > MAX_BATCH:
        raise InvalidRequestError(f"A batch of CloudEvents is a JSON list of at most {MAX_BATCH}.")
    return items


def _read_structured(document: Any) -> Event:
    if not isinstance(document, dict):
        raise InvalidRequestError(f"The CloudEvent is {document!r:.80}; it has to be a JSON object.")
    encoded = document.get("data_base64")
    return _event(document, data=document.get("data") if encoded is None else _decoded(encoded))


def _event(attributes: Mapping[str, Any], *, data: Any) -> Event:
    version = attributes.get("specversion")
    if version != _VERSION:
        raise InvalidRequestError(
            f"The CloudEvent's specversion is {version!r:.80}; {_VERSION} is understood."
        )
    return Event(
        id=_attribute(attributes, "id"),
        source=_attribute(attributes, "source"),
        type=_attribute(attributes, "type"),
        subject=None if attributes.get("subject") is None else _attribute(attributes, "subject"),
        data=data,
        trace=read_trace(attributes.get("traceparent"), attributes.get("tracestate")),
    )


def _attribute(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidRequestError(
            f"The CloudEvent's {name} is {value!r:.80} (ce-{name}, in binary mode); "
            "it has to be a text that is not empty."
        )
    return value


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"The CloudEvent is not JSON: {exc}.") from exc


def _data(body: bytes) -> Any:
    """Read what a binary event carries: JSON as far as it is some, whatever its content type says."""
    if not body:
        return None
    try:
        return json.loads(body)
    except RecursionError as exc:
        raise InvalidRequestError(f"The CloudEvent's data cannot be read: {exc}.") from exc
    except ValueError:
        return _text(body)


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _decoded(encoded: Any) -> Any:
    """Decode `data_base64`; its bytes are data as those of a binary event are."""
    try:
        return _data(base64.b64decode(encoded, validate=True))
    except (ValueError, TypeError) as exc:
        raise InvalidRequestError(f"The CloudEvent's data_base64 cannot be decoded: {exc}.") from exc
