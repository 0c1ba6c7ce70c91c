"""Checking whether a recipe has the metadata that a DataONE package requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ogdc_shared.recipe.models import RecipeMeta


def missing_words(meta: RecipeMeta) -> str | None:
    """Return what a recipe lacks for a package, as the end of a sentence; None if nothing."""
    if meta.metadata is None:
        return "has no `metadata` (title, abstract, creators)."
    if meta.output.license is None:
        return "has no `output.license`, such as CC-BY-4.0."
    if meta.metadata.owner is None:
        return (
            "names nobody with an ORCID iD, who would own the data set: give a creator's `orcid`, or "
            "`metadata.rights_holder`."
        )
    return None
