"""When an issuer is asked for its keys, and what is answered meanwhile."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from traceback import walk_stack

import pytest

from ogdc_shared.auth.oidc import keys as module
from ogdc_shared.auth.oidc.claims import RefusedTokenError
from ogdc_shared.auth.oidc.jwks import KeyId, KeySet
from ogdc_shared.auth.oidc.key_cache import CachedKeys
from ogdc_shared.auth.oidc.keys import IssuerKeys
from ogdc_shared.errors import UnavailableError
from support.issuer import Key
from support.stack import wait_until

FIRST, SECOND, OTHER = (KeyId(kid, "RS256") for kid in ("first", "second", "other"))
PAIRS = {kid: Key.new(kid) for kid in ("first", "second")}


class Server:
    """What an issuer publishes, and how often it was asked."""

    def __init__(self, *kids: str) -> None:
        self.kids = list(kids)
        self.asked = 0
        self.away = False
        self.meanwhile: Callable[[], object] = lambda: None

    def keys(self) -> KeySet:
        self.asked += 1
        published = [PAIRS[kid].jwk() for kid in self.kids]
        self.meanwhile()
        if self.away:
            raise OSError("nobody answers")
        return KeySet({"keys": published})


class FakeTime:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def server() -> Server:
    return Server("first")


@pytest.fixture
def known(server: Server, clock: FakeTime) -> IssuerKeys:
    return IssuerKeys("https://issuer.example.org", server, clock=clock, patience=300)


def test_first_use_fetches_and_others_do_not(known: IssuerKeys, server: Server):
    for _ in range(3):
        assert FIRST in known.holding(FIRST)
    assert server.asked == 1


def test_prefetched_keys_are_not_fetched_again_before_they_are_old(
    known: IssuerKeys, server: Server, clock: FakeTime
):
    known.prefetch()
    assert FIRST in known.holding(FIRST)
    known.prefetch()
    assert server.asked == 1
    clock.now += module.MAX_AGE + 1
    known.prefetch()
    wait_until(lambda: server.asked == 2)


def test_new_key_is_found_at_once_however_recent_the_last_fetch(known: IssuerKeys, server: Server):
    known.holding(FIRST)
    server.kids = ["second", "first"]
    assert SECOND in known.holding(SECOND)
    assert FIRST in known.holding(FIRST)
    assert server.asked == 2


def test_an_unknown_key_causes_a_fetch_at_limited_intervals(
    known: IssuerKeys, server: Server, clock: FakeTime
):
    known.holding(FIRST)
    for _ in range(5):
        with pytest.raises(RefusedTokenError, match="has no key 'other'"):
            known.holding(OTHER)
    assert server.asked == 2
    clock.now += module.UNKNOWN_PAUSE
    with pytest.raises(RefusedTokenError):
        known.holding(OTHER)
    assert server.asked == 3


def test_an_issuer_away_before_any_key_is_known_is_asked_again_after_a_pause(
    known: IssuerKeys, server: Server, clock: FakeTime
):
    server.away = True
    for _ in range(3):
        with pytest.raises(UnavailableError):
            known.holding(FIRST)
    assert server.asked == 1
    server.away = False
    clock.now += module.FAILED_PAUSE
    assert FIRST in known.holding(FIRST)


def test_known_keys_are_used_while_the_issuer_is_away(known: IssuerKeys, server: Server, clock: FakeTime):
    known.holding(FIRST)
    server.away = True
    for _ in range(3):
        assert FIRST in known.holding(FIRST)
        with pytest.raises(UnavailableError):
            known.holding(SECOND)
    clock.now += 10 * module.MAX_STALE
    assert FIRST in known.holding(FIRST)


def test_a_removed_key_is_accepted_for_a_limited_time(known: IssuerKeys, server: Server, clock: FakeTime):
    known.holding(FIRST)
    server.kids = ["second"]
    clock.now += module.MAX_AGE
    assert FIRST in known.holding(FIRST)
    clock.now += module.MAX_STALE
    with pytest.raises(RefusedTokenError):
        known.holding(FIRST)


def test_old_keys_are_renewed_in_the_background(known: IssuerKeys, server: Server, clock: FakeTime):
    known.holding(FIRST)
    server.kids = ["second"]
    clock.now += module.MAX_AGE + 1
    assert FIRST in known.holding(FIRST)

    def is_refused() -> bool:
        try:
            known.holding(FIRST)
        except RefusedTokenError:
            return True
        return False

    wait_until(is_refused)


def test_waiting_for_a_slow_issuer_is_limited(server: Server, clock: FakeTime):
    answered = threading.Event()
    server.meanwhile = lambda: answered.wait(300)
    known = IssuerKeys("https://issuer.example.org", server, clock=clock, patience=0.01)
    with pytest.raises(UnavailableError):
        known.holding(FIRST)
    answered.set()

    def is_there() -> bool:
        try:
            return FIRST in known.holding(FIRST)
        except UnavailableError:
            return False

    wait_until(is_there)
    assert server.asked == 1


def waits(thread: threading.Thread) -> bool:
    """Whether a thread waits for keys that are being fetched."""
    gc.disable()  # Python 3.11 locks itself out where it collects garbage meanwhile (python/cpython#106883)
    try:
        frame = sys._current_frames().get(thread.ident or 0)
    finally:
        gc.enable()
    return frame is not None and any(each.f_code.co_name == "_wait" for each, _ in walk_stack(frame))


def test_a_fetch_that_started_before_a_key_existed_is_repeated(known: IssuerKeys, server: Server):
    """A key published while keys are being read: whoever comes with it by then has them read again."""
    known.holding(FIRST)
    is_read, goes_on = threading.Event(), threading.Event()
    server.meanwhile = lambda: (is_read.set(), goes_on.wait(300))
    found: list[object] = []

    def look_for_other() -> None:
        with pytest.raises(RefusedTokenError):
            known.holding(OTHER)

    earlier = threading.Thread(target=look_for_other)
    later = threading.Thread(target=lambda: found.append(known.holding(SECOND)))
    earlier.start()
    assert is_read.wait(300)
    server.kids = ["second"]
    later.start()
    wait_until(lambda: waits(later))
    goes_on.set()
    earlier.join()
    later.join()
    assert [SECOND in each for each in found] == [True]


def test_concurrent_unknown_keys_cause_at_most_two_fetches(known: IssuerKeys, server: Server):
    known.holding(FIRST)
    goes_on = threading.Event()
    server.meanwhile = lambda: goes_on.wait(300)

    def make_up(number: int) -> None:
        with pytest.raises(RefusedTokenError):
            known.holding(KeyId(f"made up {number}", "RS256"))

    threads = [threading.Thread(target=make_up, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(map(waits, threads)))
    goes_on.set()
    for thread in threads:
        thread.join()
    assert server.asked <= 3
    with pytest.raises(RefusedTokenError):
        known.holding(OTHER)
    assert server.asked <= 3


def test_concurrent_first_uses_cause_one_fetch(known: IssuerKeys, server: Server):
    goes_on = threading.Event()
    server.meanwhile = lambda: goes_on.wait(300)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(known.holding(FIRST))) for _ in range(20)]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(map(waits, threads)))
    goes_on.set()
    for thread in threads:
        thread.join()
    assert [FIRST in each for each in found] == [True] * 20
    assert server.asked == 1


class Cache:
    """What another process has fetched, and what this one records."""

    def __init__(self, *kids: str, age: float = 0.0) -> None:
        self.cached = CachedKeys(KeySet({"keys": [PAIRS[kid].jwk() for kid in kids]}), age)
        self.saved: list[CachedKeys] = []
        self.is_away = False

    def load(self) -> CachedKeys | None:
        if self.is_away:
            raise OSError("no database")
        return self.cached

    def save(self, fetched: CachedKeys) -> None:
        if self.is_away:
            raise OSError("no database")
        self.saved.append(fetched)


class TestSharedKeys:
    """What a process of a deployment takes from the others, and tells them."""

    @pytest.fixture
    def sharing(self, server: Server, clock: FakeTime) -> Callable[[Cache], IssuerKeys]:
        issuer = "https://issuer.example.org"
        return lambda cache: IssuerKeys(issuer, server, cache=cache, clock=clock, patience=300)

    def test_a_new_process_uses_shared_keys(self, sharing, server: Server):
        known = sharing(Cache("first"))
        known.prefetch()
        assert FIRST in known.holding(FIRST)
        assert server.asked == 0

    def test_what_is_fetched_is_recorded_with_its_age(self, sharing, server: Server, clock: FakeTime):
        cache = Cache()
        server.meanwhile = lambda: setattr(clock, "now", clock.now + 7)
        assert FIRST in sharing(cache).holding(FIRST)
        wait_until(lambda: cache.saved)
        (fetched,) = cache.saved
        assert FIRST in KeySet(fetched.keys.document)
        assert fetched.age == 7

    def test_a_key_missing_in_the_shared_keys_causes_a_fetch(self, sharing, server: Server):
        server.kids = ["second", "first"]
        known = sharing(Cache("first"))
        known.prefetch()
        assert SECOND in known.holding(SECOND)
        assert server.asked == 1

    def test_an_unknown_key_is_rejected_after_a_fetch(self, sharing, server: Server):
        known = sharing(Cache("first"))
        for _ in range(3):
            with pytest.raises(RefusedTokenError):
                known.holding(OTHER)
        assert server.asked == 1

    def test_shared_keys_have_the_same_maximum_age(self, sharing, server: Server, clock: FakeTime):
        server.kids = ["second"]
        with pytest.raises(RefusedTokenError):
            sharing(Cache("first", age=module.MAX_STALE + 1)).holding(FIRST)
        known = sharing(Cache("first", age=module.MAX_STALE - 10))
        assert FIRST in known.holding(FIRST)
        clock.now += 11
        with pytest.raises(RefusedTokenError):
            known.holding(FIRST)

    def test_old_keys_are_replaced_by_newer_shared_keys(self, sharing, server: Server, clock: FakeTime):
        cache = Cache()
        known = sharing(cache)
        known.holding(FIRST)
        clock.now += module.MAX_STALE + 1
        cache.cached = Cache("second").cached
        assert SECOND in known.holding(SECOND)
        assert server.asked == 1

    def test_older_shared_keys_are_ignored(self, sharing, server: Server):
        server.kids = ["second"]
        known = sharing(Cache("first", age=module.MAX_KEPT))
        known.holding(SECOND)
        with pytest.raises(RefusedTokenError):
            known.holding(FIRST)

    @pytest.mark.parametrize("age", [module.MAX_STALE + 1, module.MAX_KEPT])
    def test_stored_keys_are_used_while_the_issuer_is_away(self, sharing, server: Server, age: float):
        server.away = True
        known = sharing(Cache("first", age=age))
        for _ in range(3):
            assert FIRST in known.holding(FIRST)
            with pytest.raises(UnavailableError):
                known.holding(SECOND)

    @pytest.mark.parametrize("age", [module.MAX_KEPT + 1, -1.0])
    def test_shared_keys_that_are_too_old_or_from_the_future_are_ignored(
        self, sharing, server: Server, age: float
    ):
        server.away = True
        with pytest.raises(UnavailableError):
            sharing(Cache("first", age=age)).holding(FIRST)

    def test_stored_keys_are_used_while_the_issuer_hangs(self, server: Server, clock: FakeTime):
        goes_on = threading.Event()
        server.meanwhile = lambda: goes_on.wait(300)
        cache = Cache("first", age=module.MAX_STALE + 1)
        known = IssuerKeys("https://issuer.example.org", server, cache=cache, clock=clock, patience=0.01)

        def is_there() -> bool:
            try:
                return FIRST in known.holding(FIRST)
            except UnavailableError:  # on a busy machine, others' keys have not been read yet
                return False

        try:
            wait_until(is_there)
        finally:
            goes_on.set()

    def test_without_the_database_keys_are_fetched(self, sharing, server: Server):
        cache = Cache("second")
        cache.is_away = True
        known = sharing(cache)
        assert FIRST in known.holding(FIRST)
        with pytest.raises(RefusedTokenError):
            known.holding(SECOND)
        assert server.asked == 2
