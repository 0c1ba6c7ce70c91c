"""Uploads as reported by every object store: one form for all of them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.triggers.notifications import ObjectCreated, read_uploads
from support import uploads
from support.uploads import SHAPES, Message, Object, plain

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200)


def read(message: Message) -> ObjectCreated:
    (upload,) = read_uploads(message.headers, message.body).uploads
    return upload


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_tells_the_same_object(shape: str):
    thing = Object(version="IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")

    upload = read(SHAPES[shape](thing))

    assert (upload.bucket, upload.key, upload.size) == (thing.bucket, thing.key, thing.size)
    assert (upload.etag, upload.version, upload.how) == (thing.etag, thing.version, "put")


@given(key=KEYS, shape=st.sampled_from(sorted(SHAPES)))
def test_keys_survive_every_way_of_writing_them(key: str, shape: str):
    if len(key.encode()) > 1024 or shape == "ceph":
        return
    assert read(SHAPES[shape](Object(key=key))).key == key


def test_a_key_of_ceph_is_taken_as_it_is():
    assert read(uploads.ceph(Object(key="a+b%20c"))).key == "a+b%20c"


def test_google_tells_a_generation_and_numbers_as_text():
    upload = read(uploads.google(Object(etag="CNHZkbuF/ugCEAE=")))

    assert (upload.version, upload.size, upload.etag) == ("1587627537231057", 12, "CNHZkbuF/ugCEAE=")
    assert upload.store == "google"


def test_camel_tells_by_its_envelope_and_by_the_content():
    one, other = read(uploads.camel(Object(), "first")), read(uploads.camel(Object(), "second"))

    assert (one.bucket, one.key, one.size) == ("uploads", Object().key, None)
    assert one.etag != other.etag


def test_camel_with_an_object_that_is_no_text():
    assert read(uploads.camel(Object(), b"\x89PNG\xff\xfe")).key == Object().key


@pytest.mark.parametrize("version", [None, "", "null"])
def test_an_object_of_a_bucket_without_versions_has_none(version: str | None):
    assert read(uploads.aws_notification(Object(version=version))).version is None


def test_many_records_of_one_request():
    records = [uploads.record(Object(key=f"{number}.csv")) for number in range(3)]

    message = plain({"Records": records})

    assert [upload.key for upload in read_uploads(message.headers, message.body).uploads] == [
        "0.csv",
        "1.csv",
        "2.csv",
    ]


def test_a_record_without_any_id_gets_one_from_its_content():
    bare = uploads.record(Object()) | {"responseElements": {}}
    one, same = read(plain({"Records": [bare]})), read(plain({"Records": [bare]}))
    other = read(plain({"Records": [bare | {"eventTime": "2027-01-01T00:00:00Z"}]}))

    assert one.event_id == same.event_id != other.event_id


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("put", "ObjectCreated:Put"),
        ("copy", "s3:ObjectCreated:Copy"),
        ("multipart", "ObjectCreated:CompleteMultipartUpload"),
        (None, "ObjectCreated:Something"),
    ],
)
def test_the_kind_of_creation_is_read(how: str | None, name: str):
    assert read(plain({"Records": [uploads.record(Object()) | {"eventName": name}]})).how == how


@pytest.mark.parametrize(
    "message",
    [
        plain({"Records": []}),
        plain({"Records": [uploads.record(Object()) | {"eventName": "ObjectRemoved:Delete"}]}),
        plain({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"}),
        plain({"detail-type": "Object Deleted", "source": "aws.s3", "id": "1", "detail": {}}),
        uploads.structured({"anything": 1}, id="1", source="/x", type="org.example.else"),
        uploads.structured({}, id="1", source="/x", type="google.cloud.storage.object.v1.deleted"),
        uploads.structured({"Event": "s3:TestEvent"}, id="1", source="/x", type="com.amazon.s3.testevent"),
    ],
)
def test_what_is_about_something_else(message: Message):
    assert read_uploads(message.headers, message.body) == ((), ())


@pytest.mark.parametrize(
    "message",
    [
        Message({}, b""),
        Message({"Content-Type": "application/json"}, b"nonsense"),
        Message({"Content-Type": "application/json"}, b"[" * 100_000),
        plain([]),
        plain({}),
        plain("text"),
        plain({"Records": [uploads.record(Object()) | {"s3": None}]}),
        plain({"Records": [uploads.record(Object(bucket=""))]}),
        plain({"Records": [uploads.record(Object(key=""))]}),
        plain({"Records": [uploads.record(Object(key="a\0b"))]}),
        plain({"Records": [uploads.record(Object(key="x" * 1025))]}),
        plain({"Records": [uploads.record(Object())] * 1001}),
        plain({"detail-type": "Object Created", "source": "aws.s3", "id": "1", "detail": {}}),
        uploads.structured({}, id="1", source="/x", type="google.cloud.storage.object.v1.finalized"),
        uploads.structured({}, id="1", source="/x", type="org.apache.camel.event.aws.s3.getObject"),
        uploads.binary(
            {}, id="1", source="/x", type="dev.knative.connector.event.aws-s3", subject="aws-s3-source"
        ),
        Message({"Content-Type": "application/cloudevents+json"}, b"{}"),
    ],
)
def test_what_cannot_be_understood(message: Message):
    with pytest.raises(InvalidRequestError):
        raise read_uploads(message.headers, message.body).refused[0]


def test_one_record_that_cannot_be_read_keeps_no_other_out():
    records = [uploads.record(Object(key=key)) for key in ("a.csv", "x" * 1025, "b.csv")]
    read = read_uploads(*plain({"Records": records}))
    assert [upload.key for upload in read.uploads] == ["a.csv", "b.csv"]
    assert len(read.refused) == 1


def test_one_event_that_cannot_be_read_keeps_no_other_out():
    events = [
        {"specversion": "1.0", "id": id_, "source": "/x", "type": "com.amazon.s3.objectcreated"}
        | {"data": uploads.record(Object(key=f"{number}.csv"))}
        for number, id_ in enumerate(("1", "", "i" * 5000, "4"))
    ]
    kind = {"Content-Type": "application/cloudevents-batch+json"}
    read = read_uploads(kind, json.dumps([*events, None]).encode())
    assert [upload.key for upload in read.uploads] == ["0.csv", "3.csv"]
    assert len(read.refused) == 3


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@given(shape=st.sampled_from(sorted(SHAPES)), data=st.data())
def test_any_change_of_a_body_is_read_or_refused(shape: str, data: st.DataObject):
    message = SHAPES[shape](Object())
    body = json.loads(message.body)
    part = body
    while True:
        places = list(part) if isinstance(part, dict) else list(range(len(part)))
        place = data.draw(st.sampled_from(places))
        if not isinstance(part[place], dict | list) or not part[place] or data.draw(st.booleans()):
            break
        part = part[place]
    part[place] = data.draw(_JSON)

    with suppress(InvalidRequestError):
        read_uploads(message.headers, json.dumps(body).encode())
