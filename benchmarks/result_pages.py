"""Results on the web page in a real browser: a long log, and the map of a large file."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.browser import BrowserError, new_tab, open_browser, seconds_from, seconds_until
from benchmarks.figures import Figure, at_most
from benchmarks.local_stack import LocalStack, local_stack
from benchmarks.records import write_recipe

_LINES = 1_000_000
_PIXELS = 32_768
_LAST_LINE = f"() => document.querySelector('pre.log')?.textContent.includes('line {_LINES}')"
_FOUND = "() => document.querySelector('.matches li')"
_DRAWN = "() => document.querySelector('.map[data-center]')"
_COMMANDS = f"""\
cp /input_dir/numbers.txt /output_dir/; seq {_LINES} | sed 's/^/line /'
"""
_LARGE = f"""\
printf '%s\\n' 'ncols 2' 'nrows 2' 'xllcorner 0' 'yllcorner 0' 'cellsize 1' '10 80' '140 200' \
> /output_dir/values.asc
gdal_translate -q -ot Byte -r bilinear -outsize {_PIXELS} {_PIXELS} -a_srs EPSG:3413 \
-a_ullr -1000000 -500000 -400000 -1100000 -co TILED=YES /input_dir/values.asc /output_dir/plain.tif
gdal_translate -q -of COG -co COMPRESS=NONE -co BIGTIFF=YES /input_dir/plain.tif /output_dir/large.tif
"""


def measure_log(bench: Bench) -> list[Figure]:
    """Open the log of a task at its end, and look for a line in its middle."""
    opened, found = [], []
    with local_stack(bench) as stack, open_browser() as browser:
        name = _run(bench, stack, _COMMANDS, output="temporary")
        for _ in range(1 + bench.effort.repetitions):
            with new_tab(browser) as page:
                url = f"{stack.url}/ui/?run={name}&tab=logs&task=process/0"
                opened.append(seconds_until(page, url, _LAST_LINE))
                page.get_by_label("Find in all of the log").fill(f"line {_LINES * 7 // 9}")
                begun = time.time()
                page.keyboard.press("Enter")
                found.append(seconds_from(page, begun, _FOUND))
    what = f"log of {_LINES:,} lines"
    return [
        Figure(f"{what}: its end is shown", "s", tuple(opened[1:]), goal=at_most(2)),
        Figure(f"{what}: a line of its middle is found", "s", tuple(found[1:]), goal=at_most(2)),
    ]


def measure_map(bench: Bench) -> list[Figure]:
    """Open the map of a COG of a gigabyte until its first picture is there; counts what is asked for."""
    taken, asked = [], []
    with local_stack(bench) as stack, open_browser() as browser:
        name = _run(bench, stack, _LARGE, output="pvc")
        for _ in range(1 + bench.effort.repetitions):
            with new_tab(browser) as page:
                ranges: list[str] = []
                page.on("request", lambda request, ranges=ranges: _note(ranges, request))
                url = f"{stack.url}/ui/?run={name}&tab=outputs&file=large.tif"
                taken.append(seconds_until(page, url, _DRAWN))
                asked.append(sum(map(_size, ranges)) / 1e6)
    return [
        Figure("map of a COG of 1.4 GB: first picture", "s", tuple(taken[1:]), goal=at_most(3)),
        Figure("map of a COG of 1.4 GB: asked for, by ranges", "MB", tuple(asked[1:])),
    ]


def _run(bench: Bench, stack: LocalStack, commands: str, *, output: str) -> str:
    recipe: Path = write_recipe(bench.new_directory(), output=output, commands=commands)
    name: str = json.loads(stack.call("submit", "--wait", "--json", str(recipe)))["name"]
    return name


def _note(ranges: list[str], request: Any) -> None:
    if request.url.endswith("/large.tif"):
        ranges.append(request.headers.get("range", ""))


def _size(wanted: str) -> int:
    """Bytes of a range; a request without one is for all of the file.

    Raises:
        BrowserError: it is none.
    """
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
    if found is None:
        raise BrowserError(f"The file was asked for by Range: {wanted!r}")
    return int(found[2]) - int(found[1]) + 1
