"""DNS labels, the form of names of claims, workflows, triggers and Secrets.

Source: RFC 1123 as used by Kubernetes, k8s.io/apimachinery/pkg/util/validation (IsDNS1123Label).
"""

from __future__ import annotations

import re

MAX_LENGTH = 63
PATTERN = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
"""For a whole text."""

_LABEL = re.compile(PATTERN)


def is_dns_label(text: str) -> bool:
    """Whether `text` is a DNS label: at most 63 of a to z, 0 to 9 and `-`, which is not at an end."""
    return _LABEL.fullmatch(text) is not None
