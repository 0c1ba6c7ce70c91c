"""Parsing notifications of object stores about created objects.

Object stores use several formats. Most are recognized by their body, not the envelope: Knative's sources wrap
some of them into CloudEvents, and stores send others directly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote_plus

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.events.cloudevents import Event, each_event, is_event
from ogdc_shared.json_text import read_json

_T = TypeVar("_T")
_Message = tuple[Event | None, Any]
"""A CloudEvent and its data, or None and a notification outside of a CloudEvent."""

MAX_OBJECTS = 1000
"""Objects that one request may tell of."""

_MAX_KEY = 1024
_MAX_TEXT = 2048
_GOOGLE = "google.cloud.storage.object.v1.finalized"
_CAMEL = "org.apache.camel.event.aws.s3.getObject"
_CAMEL_SOURCE = "aws.s3.bucket."
_NAMELESS = ("dev.knative.connector.event.aws-s3", "dev.knative.eventing.aws-s3")
_HOW = {
    "put": "put",
    "putobject": "put",
    "post": "post",
    "post object": "post",
    "copy": "copy",
    "copyobject": "copy",
    "completemultipartupload": "multipart",
}


class ObjectCreated(NamedTuple):
    """One upload, as one event tells of it."""

    bucket: str
    key: str
    size: int | None
    """In bytes, or None if unknown."""
    etag: str | None
    """Without quotes, or None if unknown."""
    version: str | None
    """The object's version, or Google's generation; None if the bucket has no versioning."""
    source: str
    """With `event_id`: tells the event from every other."""
    event_id: str
    time: str | None
    """When the object was created, in the store's format, or None if unknown."""
    how: str | None
    """`put`, `post`, `copy` or `multipart`, or None if unknown."""
    store: str
    """`aws`, `google`, or `s3` for any other that speaks Amazon's language."""
    region: str | None = None
    """Of an Amazon bucket."""


class Notification(NamedTuple):
    """What a request tells of uploads."""

    uploads: tuple[ObjectCreated, ...]
    refused: tuple[InvalidRequestError, ...]
    """Errors of parts that cannot be read; the other parts are still processed."""


def read_uploads(headers: Mapping[str, str], body: bytes) -> Notification:
    """Read the uploads a request tells of; events about anything else are left out.

    Raises:
        InvalidRequestError: the request is no event at all, or tells of too many.
    """
    refused: list[InvalidRequestError] = []

    def tried(read: Callable[[], _T]) -> list[_T]:
        try:
            return [read()]
        except InvalidRequestError as exc:
            refused.append(exc)
            return []

    messages = [message for read in _messages(headers, body) for message in tried(read)]
    readers = [reader for message in messages for reader in _readers(*message)]
    if len(readers) > MAX_OBJECTS:
        raise InvalidRequestError(f"One request may contain at most {MAX_OBJECTS} objects.")
    uploads = [upload for reader in readers for upload in tried(reader) if upload is not None]
    return Notification(tuple(uploads), tuple(refused))


def _messages(headers: Mapping[str, str], body: bytes) -> list[Callable[[], _Message]]:
    if is_event(headers):
        return [partial(_enveloped, read) for read in each_event(headers, body)]
    return [partial(_bare, body)]


def _enveloped(read: Callable[[], Event]) -> _Message:
    event = read()
    return event, event.data


def _bare(body: bytes) -> _Message:
    return None, read_json(body, refusal="This is neither a CloudEvent nor an object store's notification")


def _readers(envelope: Event | None, data: Any) -> list[Callable[[], ObjectCreated | None]]:
    """Return a function for each part of a message; it returns an upload, or None for anything else."""
    if envelope is not None and envelope.type == _CAMEL:
        return [partial(_camel, envelope)]
    if envelope is not None and envelope.type == _GOOGLE:
        return [partial(_google, envelope)]
    if isinstance(data, dict) and isinstance(data.get("Records"), list):
        return [partial(_record, record, envelope) for record in data["Records"] if _created(record)]
    if _created(data):
        return [partial(_record, data, envelope)]
    if isinstance(data, dict) and data.get("detail-type") == "Object Created":
        return [partial(_eventbridge, data)]
    return [partial(_check_irrelevant, envelope, data)]


def _check_irrelevant(envelope: Event | None, data: Any) -> None:
    """Accept messages about something else; reject those that may be an upload but cannot be read."""
    if envelope is not None and envelope.type in _NAMELESS:
        raise InvalidRequestError(
            f"An event of type {envelope.type} names neither bucket nor key. Send Camel's CloudEvents data "
            f"type (format application-cloudevents, type {_CAMEL}) or the store's own notifications."
        )
    known = isinstance(data, dict) and data.keys() & {"detail-type", "Event", "eventName"}
    if envelope is None and not known:
        raise InvalidRequestError(
            "This is not a notification of an object store: it has neither `Records` nor `detail-type`."
        )


def _created(record: Any) -> bool:
    name = record.get("eventName") if isinstance(record, dict) else None
    return isinstance(name, str) and name.removeprefix("s3:").startswith("ObjectCreated:")


def _record(record: dict[str, Any], envelope: Event | None) -> ObjectCreated:
    """Read a record of Amazon's notifications, which MinIO, Ceph and others write, too.

    Amazon and MinIO write keys as in a query (`red+flower.jpg`), Ceph as they are. MinIO adds `s3:` to the
    event's name. The CloudEvents adapter and Ceph wrap a record, or a list of one, as the data of a binary
    CloudEvent `com.amazonaws.s3.ObjectCreated:Put` (Ceph: without `s3.`); TriggerMesh's source, which Knative
    clusters use, as `com.amazon.s3.objectcreated`, with an id made up for each delivery.

    Source: Amazon S3 User Guide, "Event message structure"; cloudevents/spec cloudevents/adapters/aws-s3.md;
        ceph/ceph src/rgw/driver/rados/rgw_pubsub_push.cc, src/rgw/rgw_pubsub.cc and
        doc/radosgw/notifications.rst; minio/minio cmd/event-notification.go (ToEvent) and
        internal/event/target/webhook.go; triggermesh/triggermesh pkg/sources/adapter/awssqssource/process.go.
    """
    s3 = _part(record, "s3")
    bucket, described = _text(_part(s3, "bucket"), "name"), _part(s3, "object")
    key = _text(described, "key")
    origin, region = str(record.get("eventSource") or "s3"), _optional(record.get("awsRegion"))
    source, event_id = _record_identity(record, f"{origin}.{region or ''}.{bucket}")
    if envelope is not None:
        source, event_id = envelope.source, envelope.id
    return _checked(
        ObjectCreated(
            bucket=bucket,
            key=key if origin.startswith("ceph:") else unquote_plus(key),
            size=_size(described.get("size")),
            etag=_etag(described.get("eTag")),
            version=_version(described.get("versionId")),
            source=source,
            event_id=event_id,
            time=_optional(record.get("eventTime")),
            how=_how(record["eventName"].rpartition(":")[2]),
            store="aws" if origin == "aws:s3" else "s3",
            region=region,
        )
    )


def _record_identity(record: dict[str, Any], source: str) -> tuple[str, str]:
    """Return the source and id that the CloudEvents adapter would give to a record outside any envelope."""
    elements = record.get("responseElements")
    elements = elements if isinstance(elements, dict) else {}
    ids = [elements.get("x-amz-request-id"), elements.get("x-amz-id-2")]
    identity = ".".join(part for part in ids if isinstance(part, str) and part)
    return source, identity or _digest(record)


def _eventbridge(event: dict[str, Any]) -> ObjectCreated:
    """Read EventBridge's event of Amazon S3; its keys are written as they are.

    Source: Amazon S3 User Guide, "EventBridge event message structure".
    """
    detail = _part(event, "detail")
    described, region = _part(detail, "object"), _optional(event.get("region"))
    bucket = _text(_part(detail, "bucket"), "name")
    return _checked(
        ObjectCreated(
            bucket=bucket,
            key=_text(described, "key"),
            size=_size(described.get("size")),
            etag=_etag(described.get("etag")),
            version=_version(described.get("version-id")),
            source=f"{_text(event, 'source')}.{region or ''}.{bucket}",
            event_id=_text(event, "id"),
            time=_optional(event.get("time")),
            how=_how(detail.get("reason")),
            store="aws",
            region=region,
        )
    )


def _google(event: Event) -> ObjectCreated:
    """Read Google Cloud Storage's event; numbers are strings in some deliveries.

    Source: googleapis/google-cloudevents proto/google/events/cloud/storage/v1/data.proto and
        examples/structured/storage.
    """
    data = event.data if isinstance(event.data, dict) else {}
    generation = data.get("generation")
    return _checked(
        ObjectCreated(
            bucket=_text(data, "bucket"),
            key=_text(data, "name"),
            size=_size(data.get("size")),
            etag=_etag(data.get("etag")),
            version=None if generation is None else _version(str(generation)),
            source=event.source,
            event_id=event.id,
            time=_optional(data.get("timeCreated")),
            how=None,
            store="google",
        )
    )


def _camel(event: Event) -> ObjectCreated:
    """Read the event of Camel's S3 source, which Knative's documentation shows.

    The bucket is in `source`, the key in `subject`, and the data are the object itself. A hash of the data
    replaces the ETag, which is unknown.

    Source: apache/camel components/camel-aws/camel-aws2-s3, AWS2S3CloudEventDataTypeTransformer; knative/docs
        docs/blog/articles/consuming_s3_data_with_knative.md.
    """
    bucket = event.source.removeprefix(_CAMEL_SOURCE)
    if bucket == event.source or not event.subject:
        raise InvalidRequestError(
            f"A CloudEvent of type {_CAMEL} has the source {_CAMEL_SOURCE}BUCKET and the key as its subject."
        )
    return _checked(
        ObjectCreated(
            bucket=bucket,
            key=event.subject,
            size=None,
            etag=f"sha256:{_digest(event.data)}",
            version=None,
            source=event.source,
            event_id=event.id,
            time=None,
            how=None,
            store="aws",
        )
    )


def _checked(upload: ObjectCreated) -> ObjectCreated:
    """Refuse what no store would tell, and what could be no environment variable or row.

    Raises:
        InvalidRequestError: the upload holds such a thing.
    """
    for value in (upload.bucket, upload.key, upload.source, upload.event_id):
        usable = value and len(value) <= _MAX_TEXT and "\0" not in value and _encodes(value)
        if not usable:
            raise InvalidRequestError(f"An event names {value[:80]!r}, which cannot be part of an upload.")
    if len(upload.key.encode()) > _MAX_KEY:
        raise InvalidRequestError(f"An event names a key of more than {_MAX_KEY} bytes.")
    return upload


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    part = whole.get(name)
    if not isinstance(part, dict):
        raise InvalidRequestError(f"The event's {name} is {part!r:.80}; it must be an object.")
    return part


def _text(whole: dict[str, Any], name: str) -> str:
    text = whole.get(name)
    if not isinstance(text, str) or not text:
        raise InvalidRequestError(f"The event's {name} is {text!r:.80}; it must be a non-empty string.")
    return text


def _optional(value: Any) -> str | None:
    return (
        value[:_MAX_TEXT]
        if isinstance(value, str) and value and _encodes(value) and "\0" not in value
        else None
    )


def _size(value: Any) -> int | None:
    """Read a number of bytes, which Ceph and Google write as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None


def _etag(value: Any) -> str | None:
    text = _optional(value)
    return None if text is None else text.strip('"') or None


def _version(value: Any) -> str | None:
    """Read a version; `null` is that of an object in a bucket that keeps none."""
    return None if value == "null" else _optional(value)


def _how(value: Any) -> str | None:
    return _HOW.get(value.lower()) if isinstance(value, str) else None


def _digest(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data, sort_keys=True, default=str).encode()
    return sha256(raw).hexdigest()
