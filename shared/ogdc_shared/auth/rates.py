"""Rate limits per user, as token buckets in one process.

Counting in the database would cost each request a write. So the limit applies to each instance: with several
instances, the total rate of a user may be that many times higher.
"""

from __future__ import annotations

from collections.abc import Hashable
from math import ceil
from threading import Lock
from typing import NamedTuple

from ogdc_shared.errors import LimitError

_MAX_KNOWN = 10_000
"""Maximum number of users to count; those without a request for a minute are dropped first."""


class _Bucket(NamedTuple):
    left: float
    """Requests that may be made at once."""
    at: float
    """When that was so."""


class Rates:
    """A token bucket per user: a burst up to the limit, then a steady rate."""

    def __init__(self, *, per_minute: int) -> None:
        self._most = per_minute
        self._lock = Lock()
        self._buckets: dict[Hashable, _Bucket] = {}

    def take(self, who: Hashable, *, now: float) -> None:
        """Count a request.

        Args:
            who: Whose it is.
            now: Seconds, by any clock that never goes back.

        Raises:
            LimitError: they have made as many as they may.
        """
        if not self._most:
            return
        with self._lock:
            left = self._left(who, now)
            if left >= 1:
                self._buckets[who] = _Bucket(left - 1, now)
        if left < 1:
            raise LimitError(
                f"Too many requests: the limit is {self._most} a minute for each user (OGDC_MAX_REQUESTS).",
                retry_after=ceil((1 - left) * 60 / self._most),
            )

    def _left(self, who: Hashable, now: float) -> float:
        if who not in self._buckets and len(self._buckets) >= _MAX_KNOWN:
            self._forget(now)
        bucket = self._buckets.get(who, _Bucket(self._most, now))
        return min(self._most, bucket.left + (now - bucket.at) * self._most / 60)

    def _forget(self, now: float) -> None:
        """Drop full buckets; if there are none, drop all, so that memory is bounded."""
        self._buckets = {who: bucket for who, bucket in self._buckets.items() if now - bucket.at < 60}
        if len(self._buckets) >= _MAX_KNOWN:
            self._buckets = {}
