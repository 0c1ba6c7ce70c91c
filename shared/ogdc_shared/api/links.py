"""Links, as in responses of OGC APIs."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType


class Link(Struct, kw_only=True):
    """A link."""

    href: Annotated[str, Meta(description="Absolute URL.")]
    rel: str
    type: Annotated[str | UnsetType, Meta(description="Media type.")] = UNSET
    title: str | UnsetType = UNSET
