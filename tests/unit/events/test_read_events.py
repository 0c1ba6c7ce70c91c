"""Whatever is posted is events or an InvalidRequestError, and nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.events.cloudevents import BATCH_TYPE, STRUCTURED_TYPE, Event, each_event
from ogdc_shared.events.workflow_event import WorkflowDeletion, read_workflow_event
from support.workflows import workflow_object

WORKFLOW = workflow_object("seals-a", uid="u", resourceVersion="7", status={"phase": "Running"})
UPDATE = "dev.knative.apiserver.resource.update"
ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "k8s", "type": UPDATE}


def read_events(headers: dict[str, str], body: bytes) -> tuple[Event, ...]:
    return tuple(read() for read in each_event(headers, body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
attribute_names = st.sampled_from(
    [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "data",
        "data_base64",
        "datacontenttype",
        "extensions",
    ]
)


def read_or_refused(headers: dict[str, str], body: bytes) -> tuple[Event, ...]:
    try:
        events = read_events(headers, body)
    except InvalidRequestError:
        return ()
    for event in events:
        assert all(isinstance(text, str) and text for text in (event.id, event.source, event.type))
        with suppress(InvalidRequestError):
            read_workflow_event(event)
    return events


@given(changed=st.dictionaries(attribute_names, json_values, max_size=4))
def test_structured_events_with_any_attributes_are_read_or_refused(changed: dict[str, Any]):
    read_or_refused({"Content-Type": STRUCTURED_TYPE}, json.dumps(ATTRIBUTES | changed).encode())


@given(items=st.lists(st.dictionaries(attribute_names, json_values, max_size=6) | json_values, max_size=3))
def test_batches_of_anything_are_read_or_refused(items: list[Any]):
    read_or_refused({"Content-Type": BATCH_TYPE}, json.dumps(items).encode())


@given(
    headers=st.dictionaries(
        attribute_names.map(lambda name: f"Ce-{name.title()}") | st.just("Content-Type"), st.text(max_size=20)
    ),
    body=st.binary(max_size=50),
)
def test_any_headers_with_any_body_are_read_or_refused(headers: dict[str, str], body: bytes):
    read_or_refused(headers, body)


@given(part=st.sampled_from(["metadata", "status", "spec", "kind", "apiVersion"]), value=json_values)
def test_an_event_with_a_workflow_of_any_kind_is_read_or_refused(part: str, value: Any):
    event = ATTRIBUTES | {"data": WORKFLOW | {part: value}}

    assert len(read_or_refused({"Content-Type": STRUCTURED_TYPE}, json.dumps(event).encode())) == 1


def test_binary_structured_and_batched_events_read_the_same():
    event = ATTRIBUTES | {"subject": "s", "datacontenttype": "application/json"}
    headers = {f"Ce-{name.title()}": value for name, value in event.items() if name != "datacontenttype"}
    whole = event | {"data": WORKFLOW}

    binary = read_events(headers | {"Content-Type": "application/json"}, json.dumps(WORKFLOW).encode())
    structured = read_events({"Content-Type": STRUCTURED_TYPE}, json.dumps(whole).encode())
    batched = read_events({"Content-Type": BATCH_TYPE}, json.dumps([whole]).encode())

    assert binary == structured == batched
    assert binary == (Event(id="1", source="k8s", type=UPDATE, subject="s", data=WORKFLOW),)


@given(body=json_values.map(lambda value: json.dumps(value).encode()) | st.binary(min_size=1, max_size=50))
def test_large_and_small_data_are_read_alike(body: bytes):
    headers = {"Ce-Id": "1", "Ce-Source": "k8s", "Ce-Type": UPDATE, "Ce-Specversion": "1.0"}

    (small,) = read_events(headers, body)
    (large,) = read_events(headers, body + b" " * 300_000)

    as_given = isinstance(small.data, bytes)
    assert small.data == (large.data.removesuffix(b" " * 300_000) if as_given else large.data)


@pytest.mark.parametrize("missing", ["Ce-Id", "Ce-Source", "Ce-Type", "Ce-Specversion"])
def test_a_binary_event_without_a_required_attribute_is_invalid(missing: str):
    headers = {"Ce-Id": "1", "Ce-Source": "k8s", "Ce-Type": UPDATE, "Ce-Specversion": "1.0"}
    del headers[missing]

    with pytest.raises(InvalidRequestError, match="ce-id"):
        read_events(headers, b"{}")


@pytest.mark.parametrize("kind", ["add", "update"])
def test_a_change_is_the_workflows_state(kind: str):
    state = read_workflow_event(Event("1", "k8s", f"dev.knative.apiserver.resource.{kind}", None, WORKFLOW))

    assert state is not None
    assert not isinstance(state, WorkflowDeletion)
    assert (state.name, state.phase, state.resource_version) == ("seals-a", "Running", 7)


def test_a_deletion_keeps_the_last_state():
    deletion = read_workflow_event(Event("1", "k8s", "dev.knative.apiserver.resource.delete", None, WORKFLOW))

    assert isinstance(deletion, WorkflowDeletion)
    assert deletion.last.phase == "Running"
