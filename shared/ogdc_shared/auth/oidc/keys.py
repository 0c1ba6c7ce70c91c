"""An issuer's keys as they are known: fetched when first needed, after a while, and for a key not seen yet.

An issuer that is away is no reason to refuse what a known key has signed. Nor may tokens that anybody can
make up have it asked again and again: after a key that it does not have, it is left alone for a while.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ogdc_shared.auth.oidc.claims import RefusedTokenError
from ogdc_shared.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ogdc_shared.auth.oidc.jwks import KeyId, KeySet

MAX_AGE = 600.0
"""Seconds after which keys are fetched anew; those that were dropped are believed that long."""
MAX_STALE = 2 * MAX_AGE
"""Seconds after which a request waits for that."""
UNKNOWN_PAUSE = 30.0
"""Seconds for which an issuer is not asked for other keys after one that it did not have."""
FAILED_PAUSE = 5.0
"""Seconds after which an issuer that did not answer is asked again."""
PATIENCE = 1.0
"""Seconds that a request waits for keys."""

_log = logging.getLogger(__name__)


class Fetches(Protocol):
    """What keys come from."""

    def keys(self) -> KeySet:
        """Fetch them; any error says that they cannot be had."""


class _Moment(NamedTuple):
    """How things stood when somebody asked for a key."""

    begun: int
    """How many fetches had begun."""
    rests: bool
    """Whether the issuer was left alone."""


class IssuerKeys:
    """The keys of one issuer, for all threads."""

    def __init__(
        self,
        issuer: str,
        server: Fetches,
        *,
        clock: Callable[[], float] = monotonic,
        patience: float = PATIENCE,
    ) -> None:
        """Fetch nothing yet.

        Args:
            issuer: For messages.
            server: Where they come from.
            clock: Seconds of a clock that never goes back.
            patience: Seconds that a request waits.
        """
        self._issuer, self._server = issuer, server
        self._clock, self._patience = clock, patience
        self._lock = Lock()
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._rests_until = 0.0
        self._begun = 0
        self._under_way: Future[None] | None = None
        self._is_away = False

    def prefetch(self) -> None:
        """Fetch them, if there are none yet, without waiting for it."""
        if self._keys is None:
            self._fetch(self._moment())

    def holding(self, wanted: KeyId) -> KeySet:
        """The keys, of which one is that which is asked for.

        Raises:
            RefusedTokenError: the issuer has no such key.
            UnavailableError: the issuer does not answer, so nobody knows.
        """
        keys = self._keys
        if keys is not None and wanted in keys:
            if not self._renew(self._clock() - self._fetched_at):
                return keys
        elif not self._look_for(wanted):
            raise UnavailableError(
                "It cannot be found out just now whether this token is valid: its issuer does not answer. "
                "Try again in a moment."
            )
        keys = self._keys
        if keys is None or wanted not in keys:
            raise RefusedTokenError(f"{self._issuer} has no key {wanted.kid!r:.300} for {wanted.algorithm}")
        return keys

    def _renew(self, age: float) -> bool:
        """Fetch keys of that age anew, if it is time to; whether that was waited for."""
        if age <= MAX_AGE:
            return False
        fetched = self._fetch(self._moment())
        return fetched is not None and age > MAX_STALE and self._wait(fetched)

    def _look_for(self, wanted: KeyId) -> bool:
        """Fetch the keys again; whether it is known then if there is such a key.

        A fetch that had begun before this was asked may have missed it, so another follows, once. That is so
        even if somebody else's key has made the issuer rest meanwhile.
        """
        asked = self._moment()
        while fetched := self._fetch(asked, wanted):
            if not self._wait(fetched) or self._is_away:
                return False
            if self._keys is not None and wanted in self._keys:
                return True
        return self._keys is not None and not self._is_away

    def _moment(self) -> _Moment:
        with self._lock:
            return _Moment(self._begun, rests=self._clock() < self._rests_until)

    def _fetch(self, asked: _Moment, wanted: KeyId | None = None) -> Future[None] | None:
        """Begin to fetch, unless that is under way.

        Args:
            asked: When this became necessary.
            wanted: What has the issuer rest if it is not there.

        Returns:
            What is under way; None: nothing is, since it began after that, or the issuer rested then.
        """
        with self._lock:
            if self._under_way is not None:
                return self._under_way
            if asked.rests or self._begun > asked.begun:
                return None
            self._begun += 1
            self._under_way = fetched = Future[None]()
        try:
            Thread(target=self._run, args=(fetched, wanted), name="issuer keys", daemon=True).start()
        except RuntimeError:  # no room for a thread; else everybody would wait for this one for ever
            self._under_way = None
            raise
        return fetched

    def _run(self, fetched: Future[None], wanted: KeyId | None) -> None:
        try:
            keys = self._server.keys()
        except Exception as exc:
            _log.warning("the keys of %s cannot be had: %s", self._issuer, exc)
            self._finish(None, rests=FAILED_PAUSE)
        else:
            self._finish(keys, rests=UNKNOWN_PAUSE if wanted and wanted not in keys else 0.0)
        fetched.set_result(None)

    def _finish(self, keys: KeySet | None, *, rests: float) -> None:
        """Take what was fetched, in one step: who asks later finds the issuer resting, if it is to."""
        with self._lock:
            now = self._clock()
            if keys is not None:
                self._keys, self._fetched_at = keys, now
            self._is_away = keys is None
            self._rests_until = now + rests
            self._under_way = None

    def _wait(self, fetched: Future[None]) -> bool:
        """Whether it is done in time."""
        try:
            fetched.result(self._patience)
        except TimeoutError:
            return False
        return True
