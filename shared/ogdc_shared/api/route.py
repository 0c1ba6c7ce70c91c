"""The type of an entry of the table of routes."""

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
    """`{name}` matches one segment, passed to the handler as `name`; `{path}` matches one or more."""
    functions: tuple[Function, ...]
    """The functions that answer it: exactly one, except for probes."""
    permission: Permission
    summary: str
    answer: type[Struct] | None = None
    """The JSON response, or None if it has one of the `media_types`."""
    media_types: tuple[str, ...] = ("text/plain",)
    errors: tuple[int, ...] = ()
    """Error statuses, besides those that every route may answer with."""
    query: tuple[Parameter, ...] = ()
    request: type[Struct] | None = None
    """The JSON request body, or None if there is none or it is an event."""
    takes_bundle: bool = False
    """Whether the body may instead be a recipe bundle (an archive of the directory)."""
    keyed: bool = False
    """Whether the Idempotency-Key header is supported."""
    max_body: int = 1 << 20
    """In bytes."""
    observed: bool = True
    """Whether it is recorded in traces and metrics; probes are not."""
    redirects: bool = False
    """Whether it answers with a redirect."""
    has_etag: bool = False
    """Whether it supports conditional requests (`ETag`, `If-None-Match`)."""
    in_parts: bool = False
    """Whether it supports `Range` requests."""
    success: int = 200
    """The status on success; 201 comes with a `Location` header, 204 without content."""
    gives_values: bool = False
    """Whether it may answer with outputs of a process by value."""
    is_ogc: bool = False
    """Whether it belongs to OGC API - Processes, which defines another form of errors."""
    documented: bool = True
    """Whether it is in the OpenAPI document; event routes are not."""
    about: str = ""
    """Details for docs/api.md, after the summary."""
