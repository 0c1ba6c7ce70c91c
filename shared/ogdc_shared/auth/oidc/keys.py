"""The keys of an issuer in memory: fetched on first use, periodically, and when an unknown key id is seen.

If the issuer is down, tokens signed with known keys are still accepted. After an unknown key id the issuer is
not asked again for a while, so that forged tokens cannot cause many requests to it.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ogdc_shared.auth.oidc.claims import RefusedTokenError
from ogdc_shared.auth.oidc.key_cache import CachedKeys
from ogdc_shared.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ogdc_shared.auth.oidc.jwks import KeyId, KeySet
    from ogdc_shared.auth.oidc.key_cache import KeyCache

MAX_AGE = 600.0
"""Seconds after which keys are fetched anew; those that were dropped are believed that long."""
MAX_STALE = 2 * MAX_AGE
"""Seconds after which a request waits for that."""
MAX_KEPT = 86_400.0
"""Seconds for which others' keys are believed by who has none yet, where the issuer does not answer."""
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
        """Fetch the keys; raises any error if that fails."""


class _Moment(NamedTuple):
    """How things stood when somebody asked for a key."""

    begun: int
    """How often the issuer had been asked."""
    rests: bool
    """Whether the issuer was left alone."""


class IssuerKeys:
    """The keys of one issuer, for all threads."""

    def __init__(
        self,
        issuer: str,
        server: Fetches,
        *,
        cache: KeyCache | None = None,
        clock: Callable[[], float] = monotonic,
        patience: float = PATIENCE,
    ) -> None:
        """Store the arguments; nothing is fetched yet.

        Args:
            issuer: For messages.
            server: Fetches the keys.
            cache: A cache shared by all processes, or None.
            clock: Returns monotonic seconds.
            patience: Seconds that a request waits.
        """
        self._issuer, self._server, self._cache = issuer, server, cache
        self._clock, self._patience = clock, patience
        self._lock = Lock()
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._rests_until = 0.0
        self._begun = 0
        self._under_way: Future[None] | None = None
        self._is_away = False

    def prefetch(self) -> None:
        """Start fetching the keys if there are none or they are old, without waiting."""
        if self._keys is None or self._age() > MAX_AGE:
            self._fetch(self._moment())

    def holding(self, wanted: KeyId) -> KeySet:
        """Return the keys, which contain the wanted one.

        Raises:
            RefusedTokenError: the issuer has no such key.
            UnavailableError: the issuer does not respond.
        """
        keys = self._keys
        if keys is not None and wanted in keys:
            if not self._renew(self._age()):
                return keys
        elif not self._look_for(wanted):
            raise UnavailableError(
                "The token cannot be verified at the moment, because its issuer does not answer. "
                "Try again in a moment."
            )
        keys = self._keys
        if keys is None or wanted not in keys:
            raise RefusedTokenError(f"{self._issuer} has no key {wanted.kid!r:.300} for {wanted.algorithm}")
        return keys

    def _renew(self, age: float) -> bool:
        """Fetch the keys again if they are too old. Return whether this call waited for the result."""
        if age <= MAX_AGE:
            return False
        fetched = self._fetch(self._moment())
        return fetched is not None and age > MAX_STALE and self._wait(fetched)

    def _look_for(self, wanted: KeyId) -> bool:
        """Fetch the keys again. Return whether the keys now show if the wanted one exists.

        A fetch that began before this call may have missed the key, so one more follows, even if the search
        for another key has paused requests to the issuer meanwhile.
        """
        asked = self._moment()
        while fetched := self._fetch(asked, wanted):
            is_done = self._wait(fetched)
            if self._keys is not None and wanted in self._keys:
                return True
            if not is_done or self._is_away:
                return False
        return self._keys is not None and not self._is_away

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _moment(self) -> _Moment:
        with self._lock:
            return _Moment(self._begun, rests=self._clock() < self._rests_until)

    def _fetch(self, asked: _Moment, wanted: KeyId | None = None) -> Future[None] | None:
        """Start fetching, unless that is under way.

        Args:
            asked: When this became necessary.
            wanted: A key; if the issuer does not have it, it is not asked again for a while.

        Returns:
            The fetch under way; None if none was started, because one has finished since, or the issuer is
            not asked.
        """
        with self._lock:
            if self._under_way is not None:
                return self._under_way
            if asked.rests or self._begun > asked.begun:
                return None
            self._under_way = fetched = Future[None]()
        try:
            Thread(target=self._run, args=(fetched, wanted), name="issuer keys", daemon=True).start()
        except RuntimeError:  # no room for a thread; else everybody would wait for this one for ever
            self._under_way = None
            raise
        return fetched

    def _run(self, fetched: Future[None], wanted: KeyId | None) -> None:
        if self._take_cached(wanted):
            fetched.set_result(None)
            return
        begun = self._clock()
        keys = self._ask(wanted)
        fetched.set_result(None)
        if keys is not None:
            self._save(CachedKeys(keys, self._clock() - begun))

    def _take_cached(self, wanted: KeyId | None) -> bool:
        """Take newer keys that another process has fetched; returns whether there were any.

        Keys that are too old are used until the issuer responds.
        """
        cached = self._load()
        if cached is None or not 0 <= cached.age <= MAX_KEPT:
            return False
        with self._lock:
            fetched_at = self._clock() - cached.age
            most = MAX_STALE if self._keys is None else MAX_AGE
            if self._keys is not None and fetched_at <= self._fetched_at:
                return False
            self._keys, self._fetched_at = cached.keys, fetched_at
            if cached.age > most or not (wanted is None or wanted in cached.keys):
                return False
            self._under_way = None
            return True

    def _load(self) -> CachedKeys | None:
        try:
            return self._cache.load() if self._cache else None
        except Exception as exc:
            _log.warning("the keys of %s that others fetched cannot be read: %s", self._issuer, exc)
            return None

    def _save(self, fetched: CachedKeys) -> None:
        try:
            if self._cache:
                self._cache.save(fetched)
        except Exception as exc:
            _log.warning("the keys of %s cannot be kept for others: %s", self._issuer, exc)

    def _ask(self, wanted: KeyId | None) -> KeySet | None:
        """Fetch the keys from the issuer; None if that fails."""
        with self._lock:
            self._begun += 1
        try:
            keys = self._server.keys()
        except Exception as exc:
            _log.warning("the keys of %s cannot be had: %s", self._issuer, exc)
            self._finish(None, rests=FAILED_PAUSE)
            return None
        self._finish(keys, rests=UNKNOWN_PAUSE if wanted and wanted not in keys else 0.0)
        return keys

    def _finish(self, keys: KeySet | None, *, rests: float) -> None:
        """Store the result and the pause atomically, so that later requests see both."""
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
