"""Submissions with very many partitions, with artifacts on a real S3 server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

from benchmarks.bench import Bench
from benchmarks.figures import Figure, at_most
from benchmarks.many_inputs import write_recipe
from benchmarks.records import BUNDLE_HEADERS
from benchmarks.service import Service
from ogdc_shared.recipe.bundle import pack

_PARTITIONS = 10_000
_GOALS = {10_000: at_most(4), 1_000_000: None}
"""URLs, divided into so many partitions → most seconds."""
_MAX_SECONDS = 300
_NUMBERS = count()


def measure_partitions(bench: Bench) -> list[Figure]:
    """Submit bundles of recipes whose inputs are a list of URLs, to a function and a bucket."""
    with _function(bench) as service:
        service.ask("GET", "/healthz")
        return [
            Figure(f"submission of {urls:,} URLs in {_PARTITIONS:,} partitions to S3", "s", taken, goal=goal)
            for urls, goal in _GOALS.items()
            for taken in bench.in_turns({urls: partial(_submit, bench, service, urls)}).values()
        ]


@contextmanager
def _function(bench: Bench) -> Iterator[Service]:
    from support.s3 import s3_server  # of the tests; `make bench` has them on its path

    with s3_server() as server:
        store = {
            "OGDC_ARTIFACT_DIR": "",
            "OGDC_S3_BUCKET": server.bucket,
            "INTERNAL_S3_ENDPOINT_URL": server.url,
            "PUBLIC_S3_ENDPOINT_URL": server.public_url,
            "S3_SECRET_KEY_ID": server.access_key,
            "S3_SECRET_KEY_KEY": server.secret_key,
        }
        with bench.site.service("submit", **store) as service:
            yield service


def _submit(bench: Bench, service: Service, urls: int) -> float:
    name = f"Benchmark of partitions {next(_NUMBERS)}"
    recipe = write_recipe(bench.new_directory(), urls, name=name, partition_size=urls // _PARTITIONS)
    bundle = pack(recipe)
    start = time.perf_counter()
    service.ask("POST", "/submit", body=bundle, headers=BUNDLE_HEADERS, timeout=_MAX_SECONDS)
    return time.perf_counter() - start
