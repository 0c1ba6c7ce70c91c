"""Notifications of object stores about uploads, in all supported forms.

Each function gives the headers and the body of one request about one object, as the documents cited in
`ogdc_shared.triggers.notifications` describe them. `SHAPES` has all that tell an ETag.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus


class Message(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes


class Object(NamedTuple):
    """An uploaded object."""

    bucket: str = "uploads"
    key: str = "incoming/2026/sea ice+snow.csv"
    size: int = 12
    etag: str = "b1946ac92492d2347c6235b4d2611184"
    version: str | None = None
    request: str = "C3D13FE58DE4C810"
    """Identifies the upload; it is the same in all reports of it."""


def record(
    thing: Object, *, source: str = "aws:s3", encode: Callable[[str], str] = quote_plus
) -> dict[str, Any]:
    """A record of Amazon's notifications, version 2.1."""
    described: dict[str, Any] = {
        "key": encode(thing.key),
        "size": thing.size,
        "eTag": thing.etag,
        "sequencer": "0055AED6DCD90281E5",
    }
    if thing.version is not None:
        described["versionId"] = thing.version
    return {
        "eventVersion": "2.1",
        "eventSource": source,
        "awsRegion": "us-west-2",
        "eventTime": "2026-03-01T12:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {
            "x-amz-request-id": thing.request,
            "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5",
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {
                "name": thing.bucket,
                "ownerIdentity": {"principalId": "EXAMPLE"},
                "arn": f"arn:aws:s3:::{thing.bucket}",
            },
            "object": described,
        },
    }


def plain(body: Any) -> Message:
    """JSON as it is."""
    return Message({"Content-Type": "application/json"}, json.dumps(body).encode())


def binary(data: Any, **attributes: str) -> Message:
    """A CloudEvent in binary mode."""
    headers = {"Content-Type": "application/json", "ce-specversion": "1.0"}
    return Message(
        headers | {f"ce-{name}": value for name, value in attributes.items()}, json.dumps(data).encode()
    )


def structured(data: Any, **attributes: str) -> Message:
    """A CloudEvent in structured mode."""
    event = {"specversion": "1.0", "datacontenttype": "application/json"} | attributes | {"data": data}
    headers = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}
    return Message(headers, json.dumps(event).encode())


def aws_adapter(thing: Object, *, mode: Callable[..., Message] = structured) -> Message:
    """The CloudEvents adapter's form of an Amazon event."""
    event = record(thing)
    return mode(
        event,
        id=f"{thing.request}.{event['responseElements']['x-amz-id-2']}",
        source=f"aws:s3.us-west-2.{thing.bucket}",
        type="com.amazonaws.s3.ObjectCreated:Put",
        subject=quote_plus(thing.key),
        time=event["eventTime"],
    )


def aws_notification(thing: Object) -> Message:
    """Amazon's own notification, as a function or a forwarder passes it on."""
    return plain({"Records": [record(thing)]})


def ceph(thing: Object) -> Message:
    """Ceph RGW with `cloudevents=true`: binary mode, keys as they are, sizes and versions as text."""
    event = record(thing, source="ceph:s3", encode=str)
    event["s3"]["object"] |= {
        "size": str(thing.size),
        "versionId": thing.version or "",
        "metadata": [],
        "tags": [],
    }
    event["s3"]["bucket"]["id"] = "503a4c37-85eb-47cd-8681-2817e80b4281.5332.38"
    return binary(
        {"Records": [event | {"eventId": "", "opaqueData": ""}]},
        id=f"{thing.request}.14d2-zone1-zonegroup1",
        source=f"ceph:s3.zonegroup1.{thing.bucket}",
        type="com.amazonaws.ObjectCreated:Put",
        subject=quote(thing.key),  # what http clients may send of it
        time="2026-03-01T12:00:00.000000Z",
    )


def minio(thing: Object) -> Message:
    """MinIO's webhook: keys escaped whole, the slash too, and names of events with `s3:`."""
    event = record(thing, source="minio:s3", encode=quote_plus) | {"eventName": "s3:ObjectCreated:Put"}
    event["responseElements"] |= {
        "x-minio-deployment-id": "0170a4cc-dca6-4e72-86f1-c0cc760dff7f",
        "x-minio-origin-endpoint": "http://172.17.0.2:9000",
    }
    event["s3"]["object"] |= {"contentType": "text/csv", "userMetadata": {"content-type": "text/csv"}}
    event["source"] = {"host": "192.0.2.1", "port": "", "userAgent": "MinIO (linux; amd64) minio-go/v7.0.66"}
    return plain(
        {"EventName": "s3:ObjectCreated:Put", "Key": f"{thing.bucket}/{thing.key}", "Records": [event]}
    )


def triggermesh(thing: Object) -> Message:
    """TriggerMesh's AWSS3Source: one record, and an id of its own for each delivery."""
    return binary(
        record(thing),
        id=str(uuid.uuid4()),
        source=f"arn:aws:s3:::{thing.bucket}",
        type="com.amazon.s3.objectcreated",
        subject=quote_plus(thing.key),
    )


def eventbridge(thing: Object) -> Message:
    """EventBridge's event: keys as they are."""
    described = {"key": thing.key, "size": thing.size, "etag": thing.etag, "sequencer": "617f08299329d189"}
    if thing.version is not None:
        described["version-id"] = thing.version
    return plain(
        {
            "version": "0",
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, thing.request)),
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": "111122223333",
            "time": "2026-03-01T12:00:00Z",
            "region": "us-west-2",
            "resources": [f"arn:aws:s3:::{thing.bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": thing.bucket},
                "object": described,
                "request-id": thing.request,
                "requester": "123456789012",
                "source-ip-address": "192.0.2.1",
                "reason": "PutObject",
            },
        }
    )


def google(thing: Object) -> Message:
    """Google Cloud Storage through Eventarc: numbers as text."""
    return binary(
        {
            "bucket": thing.bucket,
            "contentType": "text/csv",
            "crc32c": "rTVTeQ==",
            "etag": thing.etag,
            "generation": thing.version or "1587627537231057",
            "id": f"{thing.bucket}/{thing.key}/1587627537231057",
            "kind": "storage#object",
            "md5Hash": "kF8MuJ5+CTJxvyhHS1xzRg==",
            "metageneration": "1",
            "name": thing.key,
            "size": str(thing.size),
            "storageClass": "STANDARD",
            "timeCreated": "2026-03-01T12:00:00.000Z",
            "updated": "2026-03-01T12:00:00.000Z",
        },
        id=thing.request,
        source=f"//storage.googleapis.com/projects/_/buckets/{thing.bucket}",
        type="google.cloud.storage.object.v1.finalized",
        subject=f"objects/{quote(thing.key)}",
        time="2026-03-01T12:00:00.000Z",
    )


def camel(thing: Object, content: Any = "name,x,y\nA,1,2\n") -> Message:
    """Camel's S3 source: the object itself is the data."""
    headers = {
        "Content-Type": "application/json;charset=UTF-8",
        "ce-specversion": "1.0",
        "ce-id": f"exchange-{thing.request}",
        "ce-source": f"aws.s3.bucket.{thing.bucket}",
        "ce-type": "org.apache.camel.event.aws.s3.getObject",
        "ce-subject": thing.key,
        "ce-time": "2026-03-01T12:00:00Z",
    }
    return Message(headers, content.encode() if isinstance(content, str) else content)


SHAPES: Mapping[str, Callable[[Object], Message]] = {
    "adapter": aws_adapter,
    "adapter, binary": lambda thing: aws_adapter(thing, mode=binary),
    "notification": aws_notification,
    "ceph": ceph,
    "minio": minio,
    "triggermesh": triggermesh,
    "eventbridge": eventbridge,
}
