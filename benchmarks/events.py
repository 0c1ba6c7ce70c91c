"""argo_events under the load of a busy cluster, with large workflows, and the latency of a single event."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_least, at_most
from benchmarks.load import Load, put_load, write_posts
from benchmarks.records import submit_run, workflow_event
from benchmarks.service import Service
from benchmarks.workflows import Workflow

_CLIENTS = 9
"""As many as Knative lets an instance have at once (`containerConcurrency`)."""
_PARTITIONS = 4
_MAX_EVENTS = 6000
"""A second."""
_AT_ONCE = 40
"""Runs that are under way at the same time."""
_REPEATED = 0.25
"""Of all events, so many are sent once more."""
_DISORDER = 3.0
"""By so many places an event may come late."""

_MANY_TASKS = 10_000
_LARGE_CLIENTS = 4
_MAX_LARGE = 30
"""A second."""
_LARGE_SECONDS = 5
"""Of load, at least: a few events a second are all there is to count."""
_KEPT = 8
"""Moments of the large workflow, before its end; those that are sent go round among them."""

_Post = tuple[dict[str, str], bytes]


def measure_events(bench: Bench) -> list[Figure]:
    """Tell of many runs with a few tasks each, some events twice and some late."""
    with bench.site.service("argo_events") as service, bench.site.empty_service() as empty:
        loads = bench.in_turns(
            {
                "events": partial(_post_events, bench, service),
                "empty": partial(_post_events, bench, empty),
            }
        )
        memory = service.resident()
    rates, p50s, p95s = zip(*loads["events"], strict=True)
    nothing = Baseline("an empty function", median(load.per_second for load in loads["empty"]))
    what = f"events of runs of {_PARTITIONS + 1} tasks, {_CLIENTS} clients"
    return [
        Figure(what, "events/s", rates, goal=at_least(800), baseline=nothing),
        Figure(f"{what}: p50", "ms", p50s),
        Figure(f"{what}: p95", "ms", p95s, goal=at_most(30)),
        Figure("memory of argo_events after them", "MiB", (memory,)),
    ]


def measure_large_events(bench: Bench) -> list[Figure]:
    """Tell of a workflow with 10,000 tasks, of which some have changed each time."""
    name = submit_run(bench.site.database)
    workflow = Workflow(name, partitions=_MANY_TASKS)
    events = [workflow.at(workflow.moments - 100 + 10 * number) for number in range(_KEPT)]
    versions = iter(range(1, 1 << 30))

    def posts(number: int) -> Iterator[_Post]:
        for turn in range(number):
            one = events[turn % _KEPT]
            one["metadata"]["resourceVersion"] = str(next(versions))
            yield workflow_event(one)

    def post_events() -> Load:
        _wake(service)
        seconds = max(bench.effort.seconds, _LARGE_SECONDS)
        directory = write_posts(bench.new_directory(), "/", posts(_MAX_LARGE * seconds))
        return put_load(service.url, clients=_LARGE_CLIENTS, seconds=seconds, posts=directory)

    nodes = gzip.decompress(base64.b64decode(events[0]["status"]["compressedNodes"]))

    def parse() -> Load:
        begun = time.perf_counter()
        json.loads(nodes)
        return Load(1 / (time.perf_counter() - begun), p50=0, p95=0)

    with bench.site.service("argo_events") as service:
        turns = bench.in_turns({"large": post_events, "json": parse})
        memory = service.resident()
    loads = turns["large"]
    parsing = Baseline(
        f"json.loads of its {len(nodes) >> 20} MiB", median(load.per_second for load in turns["json"])
    )
    what = f"events of a run of {_MANY_TASKS:,} tasks, {_LARGE_CLIENTS} clients"
    return [
        Figure(
            what,
            "events/s",
            tuple(load.per_second for load in loads),
            goal=at_least(5),
            baseline=parsing,
        ),
        Figure(f"{what}: p95", "ms", tuple(load.p95 for load in loads)),
        Figure("memory of argo_events after them, large", "MiB", (memory,)),
    ]


def measure_delay(bench: Bench) -> list[Figure]:
    """Tell of a run's end, and ask for its status until that says so."""
    with bench.site.service("argo_events") as events, bench.site.service("status") as status:

        def delay() -> float:
            workflow = Workflow(submit_run(bench.site.database), partitions=_PARTITIONS)
            headers, body = workflow_event(workflow.at(workflow.moments - 1))
            begun = time.perf_counter()
            events.ask("POST", "/", body=body, headers=headers)
            while _status(status, workflow.name) != "Succeeded":
                pass
            return 1000 * (time.perf_counter() - begun)

        taken = bench.in_turns({"delay": delay})["delay"]
    return [Figure("from the event of a run's end to a status that says so", "ms", taken, goal=at_most(100))]


def _post_events(bench: Bench, service: Service) -> Load:
    _wake(service)
    directory = _write_events(bench, number=_MAX_EVENTS * bench.effort.seconds)
    return put_load(service.url, clients=_CLIENTS, seconds=bench.effort.seconds, posts=directory)


def _wake(service: Service) -> None:
    """Wait until the service answers: to an event about a workflow that is no run."""
    headers, body = workflow_event(Workflow("nobodys", partitions=1).at(0))
    service.ask("POST", "/", body=body, headers=headers)


def _write_events(bench: Bench, *, number: int) -> Path:
    """Write so many events of new runs or some more, as a broker would deliver them."""
    chance = random.Random(number)
    posts: list[_Post] = []
    while len(posts) < number:
        names = [submit_run(bench.site.database) for _ in range(_AT_ONCE)]
        workflows = [Workflow(name, partitions=_PARTITIONS) for name in names]
        events = [
            (moment, workflow_event(each.at(moment))) for each in workflows for moment in range(each.moments)
        ]
        events += chance.sample(events, k=round(_REPEATED * len(events)))
        events.sort(key=lambda event: event[0] + chance.uniform(0, _DISORDER))
        posts += [post for _, post in events]
    return write_posts(bench.memory_directory(), "/", posts)


def _status(service: Service, name: str) -> str:
    status: str = json.loads(service.ask("GET", f"/status/{name}"))["status"]
    return status
