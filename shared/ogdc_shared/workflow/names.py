"""Names of workflows, chosen by us before Argo is asked for anything."""

from __future__ import annotations

import re
import secrets

SLUG_LENGTH = 50
SUFFIX_LENGTH = 10
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


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
    """Whether `text` could be a workflow's name: a DNS label of at most 63 characters.

    Source: RFC 1123 as Kubernetes reads it, k8s.io/apimachinery/pkg/util/validation (IsDNS1123Label).
    """
    return _NAME.fullmatch(text) is not None


def _random_suffix() -> str:
    return "".join(secrets.choice(_BASE32) for _ in range(SUFFIX_LENGTH))
