"""Dataset metadata that publication requires, or that curators ask for.

Source: Arctic Data Center, "Data Submission Guidelines".
"""

from __future__ import annotations

from collections.abc import Iterator

from ogdc_shared.recipe.forms import META_FILE
from ogdc_shared.recipe.models import RecipeMeta

_WORDS = 100


def metadata_advice(meta: RecipeMeta) -> Iterator[str]:
    """Yield a sentence for each missing item, if the recipe has metadata at all."""
    about = meta.metadata
    if about is None:
        return
    if meta.output.license is None:
        yield f"{META_FILE}: output.license: is missing; publishing requires one, such as CC-BY-4.0."
    if about.owner is None:
        yield (
            f"{META_FILE}: metadata.creators: none has an `orcid`; publishing requires one, for the owner "
            "of the data set. `rights_holder` can name another owner."
        )
    if (words := len(about.abstract.split())) < _WORDS:
        has = "1 word" if words == 1 else f"{words} words"
        yield f"{META_FILE}: metadata.abstract: has {has}; curators ask for {_WORDS} or more."
    for key in ("keywords", "geographic", "temporal"):
        if about.eml is None and not getattr(about, key):
            yield f"{META_FILE}: metadata.{key}: is missing; curators ask for it."
