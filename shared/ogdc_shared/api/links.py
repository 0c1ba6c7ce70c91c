"""Where something else is, as answers of OGC APIs have it."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType


class Link(Struct, kw_only=True):
    """Where something else is."""

    href: Annotated[str, Meta(description="Absolute.")]
    rel: str
    type: Annotated[str | UnsetType, Meta(description="Media type.")] = UNSET
    title: str | UnsetType = UNSET
