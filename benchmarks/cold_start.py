"""Cold starts: from starting a function's process to its first response."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_most
from benchmarks.records import BUNDLE_HEADERS, make_bundle, record_run, submit_run, workflow_event
from benchmarks.service import Service
from benchmarks.workflows import Workflow

_GOALS = {"status": at_most(0.35), "argo_events": at_most(0.35), "submit": at_most(0.9)}


def measure_cold_starts(bench: Bench) -> list[Figure]:
    """Start each function and have it do, once, what it needs the database for."""
    site = bench.site
    finished = record_run(site.database, tasks=1)

    def empty() -> float:
        return _first_answer(site.empty_service(), lambda service: service.ask("GET", "/"))

    def status() -> float:
        return _first_answer(
            site.service("status"), lambda service: service.ask("GET", f"/status/{finished}")
        )

    def argo_events() -> float:
        workflow = Workflow(submit_run(site.database), partitions=1)
        headers, body = workflow_event(workflow.at(1))
        return _first_answer(
            site.service("argo_events"),
            lambda service: service.ask("POST", "/", body=body, headers=headers),
        )

    def submit() -> float:
        body = make_bundle()
        return _first_answer(
            site.service("submit"),
            lambda service: service.ask("POST", "/submit", body=body, headers=BUNDLE_HEADERS),
        )

    taken = bench.in_turns({"empty": empty, "status": status, "argo_events": argo_events, "submit": submit})
    baseline = Baseline("an empty function", median(taken["empty"]))
    return [
        Figure(f"cold start of {name}", "s", taken[name], goal=goal, baseline=baseline)
        for name, goal in _GOALS.items()
    ]


def _first_answer(service: Service, ask: Callable[[Service], bytes]) -> float:
    """Return the seconds from asking for the process to the end of the answer."""
    with service:
        ask(service)
        return time.perf_counter() - service.started
