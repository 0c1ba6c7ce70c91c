"""The web page in a real browser: a list of very many runs, a run with many partitions, updates."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any

from benchmarks.bench import Bench
from benchmarks.browser import new_tab, open_browser, seconds_from, seconds_until
from benchmarks.figures import Baseline, Figure, at_most
from benchmarks.many_inputs import write_recipe
from benchmarks.records import BUNDLE_HEADERS, fill_runs, record_phases, record_run, submit_run
from benchmarks.service import Service
from benchmarks.site import Site
from ogdc_shared.recipe.bundle import pack

_RUNS = 1_000_000
_PARTITIONS = 5_000
_ANSWERS = 20
_A_ROW = "() => document.querySelector('tbody tr')"
_ALL_CELLS = f"""() => {{
  const asked = performance.getEntriesByType('resource').filter((each) => each.name.includes('/partitions?'));
  const cells = [...document.querySelectorAll('svg path.cell')].map((each) => each.getAttribute('d'));
  return asked.length * 1000 >= {_PARTITIONS} && cells.join('').split('M').length > {_PARTITIONS}
    && document.querySelector('td .phase');
}}"""
"""The partitions were asked for, all of them, and are drawn; and the tasks that matter are listed."""
_SUCCEEDED = "() => document.querySelector('p.status')?.textContent.includes('Succeeded')"
_QUIET = {"OGDC_STALE_SECONDS": "100000"}
"""Nobody asks Argo, which knows nothing of runs that were made up."""


def measure_list(bench: Bench) -> list[Figure]:
    """Open the list of a million runs, and in turns that of fifty, in browsers that have cached nothing."""
    with ExitStack() as parts:
        few = parts.enter_context(Site(bench.new_directory()))
        many = parts.enter_context(Site(bench.new_directory()))
        browser = parts.enter_context(open_browser())
        urls, services = {}, {}
        for number, site in ((50, few), (_RUNS, many)):
            record_run(site.database, tasks=1)
            fill_runs(site.settings, number)
            services[number] = parts.enter_context(site.service("status"))
            services[number].ask("GET", "/runs")
            urls[number] = f"{services[number].url}/ui/"
        taken = bench.in_turns({number: partial(_open, browser, url, _A_ROW) for number, url in urls.items()})
        asked = bench.in_turns({number: partial(_ask, service) for number, service in services.items()})
        failed = bench.in_turns({"failed": partial(_open, browser, f"{urls[_RUNS]}?status=Failed", _A_ROW)})
    fifty = Baseline("a list of 50 runs", median(taken[50]))
    return [
        Figure(f"list of {_RUNS:,} runs: first row painted", "ms", taken[_RUNS], at_most(300), fifty),
        Figure(f"list of {_RUNS:,} runs: those that failed", "ms", failed["failed"], at_most(300), fifty),
        Figure(f"GET /runs of {_RUNS:,}", "ms", asked[_RUNS], None, Baseline("50 runs", median(asked[50]))),
    ]


def measure_run(bench: Bench) -> list[Figure]:
    """Open a run of many partitions that is under way, until all are drawn and can be clicked at."""
    recipe = write_recipe(bench.new_directory(), _PARTITIONS, name="Many partitions", partition_size=1)
    with bench.site.service("submit", **_QUIET) as submit:
        answer = submit.ask("POST", "/submit", body=pack(recipe), headers=BUNDLE_HEADERS)
    name = json.loads(answer)["recipe_workflow_name"]
    phases = [
        "Failed" if n % 997 == 0 else "Running" if n > 4_000 else "Succeeded" for n in range(_PARTITIONS)
    ]
    record_phases(bench.site.database, name, "Running", phases)
    measured: list[tuple[float, int, float]] = []
    with bench.site.service("status", **_QUIET) as service, open_browser() as browser:
        service.ask("GET", f"/runs/{name}")

        def look() -> None:
            with new_tab(browser) as page:
                taken = seconds_until(page, f"{service.url}/ui/?run={name}", _ALL_CELLS)
                elements = page.evaluate("document.querySelectorAll('*').length")
                heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
                measured.append((taken, elements, heap))

        bench.in_turns({"run": look})
    seconds, elements, heap = zip(*measured[1:], strict=True)
    what = f"run of {_PARTITIONS:,} partitions"
    return [
        Figure(f"{what}: all drawn", "s", seconds, goal=at_most(2)),
        Figure(f"{what}: elements of the page", "", elements, goal=at_most(3_000)),
        Figure(f"{what}: memory of its scripts", "MiB", heap, goal=at_most(100)),
    ]


def measure_change(bench: Bench) -> list[Figure]:
    """Record the end of a run, at different times between two questions of the page, until it shows that."""
    taken = []
    with bench.site.service("status", **_QUIET) as service, open_browser() as browser:
        for turn in range(2 * bench.effort.repetitions):
            name = submit_run(bench.site.database)
            record_phases(bench.site.database, name, "Running", ["Running"])
            with new_tab(browser) as page:
                seconds_until(
                    page, f"{service.url}/ui/?run={name}", "() => document.querySelector('p.status')"
                )
                page.wait_for_timeout(2_000 + 400 * (turn % 5))
                record_phases(bench.site.database, name, "Succeeded", ["Succeeded"])
                taken.append(seconds_from(page, time.time(), _SUCCEEDED))
    return [Figure("from the record of a run's end to the page", "s", tuple(taken), goal=at_most(3))]


def _ask(service: Service) -> float:
    """Milliseconds of an answer, of many the median."""
    taken = []
    for _ in range(_ANSWERS):
        start = time.perf_counter()
        service.ask("GET", "/runs")
        taken.append(1000 * (time.perf_counter() - start))
    return median(taken)


def _open(browser: Any, url: str, is_there: str) -> float:
    with new_tab(browser) as page:
        return 1000 * seconds_until(page, url, is_there)
