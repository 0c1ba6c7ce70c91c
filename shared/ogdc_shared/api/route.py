"""What a route is: one kind of request, and which function answers it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from ogdc_shared.api.parameters import Parameter
from ogdc_shared.auth.permissions import Permission


class Function(StrEnum):
    """The functions, each a service of its own on a cluster."""

    SUBMIT = "submit"
    STATUS = "status"
    ARGO_EVENTS = "argo_events"
    UPLOAD = "upload"
    USERS = "users"
    DEAD_LETTERS = "dead_letters"


class Route(NamedTuple):
    """One kind of request."""

    name: str
    """Of its handler."""
    method: str
    path: str
    """`{…}` stands for one segment, which the handler finds under that name; `{path}` for one or more."""
    functions: tuple[Function, ...]
    """Which answer it: one but for probes, and for events that are given up."""
    permission: Permission
    summary: str
    answer: type[Struct] | None = None
    """None: no JSON of a known form."""
    media_types: tuple[str, ...] = ("text/plain",)
    """What it is answered with then."""
    errors: tuple[int, ...] = ()
    """Statuses besides those that any request may be answered with."""
    query: tuple[Parameter, ...] = ()
    request: type[Struct] | None = None
    """The body, in JSON; None: there is none, or it is an event."""
    takes_bundle: bool = False
    """Whether the body may be a recipe directory, packed, instead."""
    keyed: bool = False
    """Whether an Idempotency-Key counts."""
    max_body: int = 1 << 20
    """Bytes."""
    observed: bool = True
    """Whether it is seen in traces and metrics; probes are not."""
    redirects: bool = False
    """Whether it is answered by leading elsewhere."""
    has_etag: bool = False
    """Whether the answer has an `ETag`, and is not sent to whom it is known (`If-None-Match`)."""
    in_parts: bool = False
    """Whether parts of the answer can be had by `Range`."""
    success: int = 200
    """The status of a good answer; with 201 it has a `Location`, with 204 no content."""
    gives_values: bool = False
    """Whether it may be answered with outputs of a process, by value."""
    is_ogc: bool = False
    """Whether it is of OGC API - Processes, whose errors have another form."""
    documented: bool = True
    """Whether the OpenAPI document has it; events are described by their own standards."""
    about: str = ""
    """What docs/api.md says beyond the summary."""
