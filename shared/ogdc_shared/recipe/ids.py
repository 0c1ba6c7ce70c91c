"""Recipe ids: a recipe's name converted for use as a directory, a label and a part of workflow names."""

from __future__ import annotations

import hashlib
import re

from ogdc_shared.errors import InvalidRecipeError

MAX_LENGTH = 63
"""In characters; the limit of Kubernetes label values."""

NAME_PATTERN = r"^[a-zA-Z0-9]([a-zA-Z0-9 -]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9 -]*[a-zA-Z0-9])?)*$"
"""Pattern of valid names, for the JSON Schema."""

_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9 .-]")
_BAD_EDGE = re.compile(r"(?:^|(?<=\.))[ .-]|[ -](?=\.)|[ .-]\Z")
"""Characters that are valid inside a part between dots, but not at its ends."""

_DIGEST_LENGTH = 8


def recipe_id(name: str) -> str:
    """Return the id of a recipe with this name.

    Upper case becomes lower case, and spaces become `-`. The id is a valid DNS-1123 subdomain of at most 63
    characters. A longer one is cut and ends with eight hex digits of the SHA-256 of the whole, so that long
    names with the same beginning differ. Names that differ only in case, or in a space instead of `-`, have
    the same id; the record of runs rejects the second.

    Raises:
        InvalidRecipeError: the name is invalid; the message gives the character and its position.

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
    """Return why `name` cannot become an id, as a predicate; None if it can."""
    if not name.strip():
        return "is empty; give the recipe a name such as Seal tags 2023."
    if found := _NOT_ALLOWED.search(name):
        rule = "use only the letters a to z, digits, spaces, '.' and '-'."
    elif found := _BAD_EDGE.search(name):
        rule = "begin and end the name with a letter or digit, and put one on both sides of every '.'."
    else:
        return None
    return f"cannot have {found[0]!r} as character {found.start() + 1}; {rule}"
