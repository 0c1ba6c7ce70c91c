"""Kubernetes label selectors: equality and sets.

Source: k8s.io/apimachinery/pkg/labels (selector grammar).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ogdc_shared.errors import InvalidRequestError

_KEY = r"[A-Za-z0-9][-A-Za-z0-9_./]*"
_VALUE = r"[-A-Za-z0-9_.]*"
_TERM = re.compile(
    rf"\s*(?:(?P<key>{_KEY})\s*(?P<operator>==|=|!=)\s*(?P<value>{_VALUE})"
    rf"|(?P<member>{_KEY})\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<absent>!?)\s*(?P<present>{_KEY}))\s*(?:,|\Z)"
)


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether `labels` fulfil every term of `selector`; an empty one is fulfilled by all.

    Raises:
        InvalidRequestError: the selector cannot be read.
    """
    position = 0
    while position < len(selector):
        term = _TERM.match(selector, position)
        if term is None:
            raise InvalidRequestError(
                f"unable to parse the label selector {selector!r} at position {position}"
            )
        if not _holds(term, labels):
            return False
        position = term.end()
    return True


def _holds(term: re.Match[str], labels: Mapping[str, str]) -> bool:
    if term["operator"]:
        return (labels.get(term["key"]) == term["value"]) != (term["operator"] == "!=")
    if term["set"]:
        values = {value.strip() for value in term["values"].split(",")}
        return (labels.get(term["member"]) in values) == (term["set"] == "in")
    return (term["present"] in labels) != (term["absent"] == "!")
