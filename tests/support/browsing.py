"""Debian's chromium with the web page, driven by tests; see `scripts/bootstrap browser`."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.stack import Stack

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: `scripts/bootstrap browser` does that"
)
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Preferred first: the headless shell takes a third less processor time."""
CHROMIUM = next(filter(None, map(shutil.which, _PROGRAMS)), None)
if CHROMIUM is None:
    pytest.skip("there is no chromium: apt-get install chromium-headless-shell", allow_module_level=True)

STEP_MS = 120_000
"""Time limit of a step in milliseconds, for a busy machine."""
DESK = {"width": 1200, "height": 900}
expect = playwright.expect
expect.set_options(timeout=STEP_MS)


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start a headless browser."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


@contextmanager
def open_tab(browser: Any) -> Iterator[Any]:
    """Open a tab; the test fails on a script error, a violated policy or a request to another host."""
    with browser.new_context(viewport=DESK) as context:
        context.set_default_timeout(STEP_MS)
        page = context.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: _dismiss(troubles, dialog))
        page.on("console", lambda message: _note(troubles, message.text, "Content Security" in message.text))
        page.on("request", lambda asked: _note(troubles, f"asked {asked.url}", is_foreign(asked.url)))
        yield page
        assert troubles == []


def _dismiss(troubles: list[str], dialog: Any) -> None:
    troubles.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _note(troubles: list[str], what: str, is_problem: bool) -> None:
    if is_problem:
        troubles.append(what)


def is_foreign(url: str) -> bool:
    """Whether a request would leave the machine."""
    return not re.match(r"http://127\.0\.0\.1:|data:|blob:", url)


def submitted(stack: Stack, recipe: Path, *options: str) -> str:
    """Submit a recipe and return the run's name."""
    done = stack.cli("submit", "--json", *options, str(recipe))
    assert done.code == 0, done
    name: str = done.json()["name"]
    return name


def check_accessible(page: Any) -> None:
    """Check accessibility with axe-core, which is injected through the debugger, past the page's policy."""
    from axe_playwright_python.sync_playwright import Axe

    options = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
        "resultTypes": ["violations"],  # of what is in order one node is enough
    }
    found = Axe().run(page, options=options)
    assert found.violations_count == 0, found.generate_report()


def check_view(page: Any) -> None:
    """Check that the page is accessible on a desktop and on a phone, and fits the phone."""
    check_accessible(page)
    check_fits(page)
    check_accessible(page)
    page.set_viewport_size(DESK)


def check_fits(page: Any, width: int = 360) -> None:
    """Check that the page is not wider than a phone, except for parts that scroll."""
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def made_up(page: Any, path: str, answer: Any, status: int = 200) -> None:
    """Answer requests to a path, with any query, in place of the API."""
    body = json.dumps(answer)
    page.route(
        re.compile(rf":\d+{re.escape(path)}(\?.*)?$"),
        lambda route: route.fulfill(status=status, body=body, content_type="application/json"),
    )
