"""Names of workflows, chosen by us before Argo is asked for anything."""

from __future__ import annotations

from base64 import b32encode
from secrets import token_bytes

from ogdc_shared.dns_label import is_dns_label

SLUG_LENGTH = 50
SUFFIX_LENGTH = 10


def workflow_name(recipe_id: str) -> str:
    """Make a new name for a run of a recipe: `<slug of the recipe id>-<10 random characters>`.

    A DNS label of at most 63 characters, so what Argo derives from it (pod names, label values) stays valid.
    Chosen before submitting, so that creating one workflow twice is harmless; 50 random bits tell runs apart.

    Args:
        recipe_id: A valid recipe id (a DNS-1123 subdomain, see `recipe.ids`).
    """
    slug = recipe_id.replace(".", "-")[:SLUG_LENGTH].strip("-")
    return f"{slug}-{_random_suffix()}"


def is_workflow_name(text: str) -> bool:
    """Whether `text` could be a workflow's name."""
    return is_dns_label(text)


def _random_suffix() -> str:
    return b32encode(token_bytes(SUFFIX_LENGTH)).decode().lower()[:SUFFIX_LENGTH]
