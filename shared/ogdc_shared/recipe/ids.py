"""Recipe ids: a recipe's name converted for use as a directory, a label and a part of workflow names."""

from __future__ import annotations

import hashlib
import re

from ogdc_shared.errors import InvalidRecipeError

MAX_LENGTH = 63
"""Characters; the most a Kubernetes label value may have."""

NAME_PATTERN = r"^[a-zA-Z0-9]([a-zA-Z0-9 -]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9 -]*[a-zA-Z0-9])?)*$"
"""The names `recipe_id` takes, for the JSON Schema."""

_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9 .-]")
_BAD_EDGE = re.compile(r"(?:^|(?<=\.))[ .-]|[ -](?=\.)|[ .-]\Z")
"""What may stand within a part between dots, where a part begins or ends."""

_DIGEST_LENGTH = 8


def recipe_id(name: str) -> str:
    """Return the id that stands for a recipe of this name.

    Lower case, spaces to `-`; a valid DNS-1123 subdomain of at most 63 characters. A longer one is cut and
    ends in eight hex digits of the SHA-256 of the whole, so two long names with one beginning stay apart.
    Names that differ only in case, or in a space against a `-`, share an id; the record of runs refuses the
    second.

    Raises:
        InvalidRecipeError: no valid id can be made; names the character and its position.

    Source: kubernetes.io, "Object Names and IDs", section "DNS Subdomain Names" (RFC 1123).
    """
    problem = name_problem(name)
    if problem:
        raise InvalidRecipeError(f"meta.yml: name: {name!r} {problem}")
    slug = name.lower().replace(" ", "-")
    if len(slug) <= MAX_LENGTH:
        return slug
    digest = hashlib.sha256(slug.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{slug[: MAX_LENGTH - _DIGEST_LENGTH - 1].rstrip('-.')}-{digest}"


def name_problem(name: str) -> str | None:
    """Say why `name` cannot become an id, as a sentence without its subject; None where it can."""
    if not name.strip():
        return "is empty; give the recipe a name such as Seal tags 2023."
    if found := _NOT_ALLOWED.search(name):
        rule = "use only the letters a to z, digits, spaces, '.' and '-'."
    elif found := _BAD_EDGE.search(name):
        rule = "begin and end the name with a letter or digit, and put one on both sides of every '.'."
    else:
        return None
    return f"cannot have {found[0]!r} as character {found.start() + 1}; {rule}"
