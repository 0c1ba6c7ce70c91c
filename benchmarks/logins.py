"""The cost of authentication: with an issuer's token, an API token, and without logins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_most
from benchmarks.records import record_run
from benchmarks.service import Service

if TYPE_CHECKING:
    from support.issuer import Issuer

_REQUESTS = 300
_MAX_MORE = {"JWT": 2.0, "API token": 1.0}
"""Milliseconds."""
_MAX_MORE_AT_FIRST = 0.06
"""Seconds."""


def measure_logins(bench: Bench) -> list[Figure]:
    """Ask `/status/{name}` by one client, of a process that is warm and of one that has just begun."""
    from support.accounts import bearer, member  # of the tests; `make bench` has them on its path
    from support.issuer import Issuer

    path = f"/status/{record_run(bench.site.database, tasks=1)}"
    with Issuer() as issuer:
        headers = {
            "nobody": {},
            "JWT": bearer(issuer.token()),
            "API token": bearer(member(bench.site.database, "benchmark").token),
        }
        services = {name: partial(_service, bench, issuer, name) for name in headers}
        warm = bench.in_turns({name: partial(_warm, services[name], path, headers[name]) for name in headers})
        first = bench.in_turns(
            {name: partial(_first, services[name], path, headers[name]) for name in headers}
        )
    nobody = Baseline("nobody logs in", median(warm["nobody"]))
    at_first = Baseline("nobody logs in", median(first["nobody"]))
    return [
        *(
            Figure(f"status, {name}: p50", "ms", warm[name], at_most(nobody.value + more), nobody)
            for name, more in _MAX_MORE.items()
        ),
        *(
            Figure(
                f"cold start of status, {name}",
                "s",
                first[name],
                at_most(at_first.value + _MAX_MORE_AT_FIRST),
                at_first,
            )
            for name in _MAX_MORE
        ),
    ]


def _service(bench: Bench, issuer: Issuer, name: str) -> Service:
    mode = "open" if name == "nobody" else "authenticated"
    known = {"OGDC_OIDC_ISSUER": issuer.url} if name == "JWT" else {}
    return bench.site.service("status", ACCESS_MODE=mode, OGDC_MAX_REQUESTS="0", **known)


def _warm(make: Callable[[], Service], path: str, headers: Mapping[str, str]) -> float:
    """The milliseconds that half of all requests take, each by a connection of its own."""
    with make() as service:
        service.ask("GET", path, headers=headers)
        taken = []
        for _ in range(_REQUESTS):
            start = time.perf_counter()
            service.ask("GET", path, headers=headers)
            taken.append(1000 * (time.perf_counter() - start))
    return median(taken)


def _first(make: Callable[[], Service], path: str, headers: Mapping[str, str]) -> float:
    """The seconds from asking for the process to the end of its first answer; a probe comes before it."""
    with make() as service:
        service.ask("GET", "/healthz")
        service.ask("GET", path, headers=headers)
        return time.perf_counter() - service.started
