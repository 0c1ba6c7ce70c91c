"""HTTP statuses after which the same request may succeed a moment later."""

from __future__ import annotations

BUSY = frozenset({429, 502, 503, 504})
"""Of an API such as this one or Argo's: it is busy, or its gateway does not reach it. A 500 is an error
of its own, which would come again."""
PASSING = BUSY | {500}
"""Of any server: many that are overloaded answer 500."""
