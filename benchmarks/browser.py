"""The web page in a real browser, and the time until given content is shown.

The system's chromium, driven by Playwright, which `scripts/bootstrap browser` installs.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
_LOOK = """
(() => {
  const isThere = %s;
  const look = () => {
    if (!isThere()) requestAnimationFrame(look);
    else requestAnimationFrame(() => setTimeout(() => {
      window.shownAfter = performance.now();
      window.shownAt = performance.timeOrigin + window.shownAfter;
    }));
  };
  requestAnimationFrame(look);
})()
"""
"""Notes when something was painted: after the frame that follows the one in which it was there."""
_MAX_SECONDS = 120
_BETWEEN_LOOKS_MS = 20


class BrowserError(Exception):
    """The page does not show what is waited for, or there is no browser."""


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start chromium; as Playwright's `Browser`.

    Raises:
        BrowserError: it is not installed, or what drives it.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    try:
        playwright = import_module("playwright.sync_api").sync_playwright
    except ModuleNotFoundError as exc:
        raise BrowserError("Playwright is not installed: scripts/bootstrap browser") from exc
    if program is None:
        raise BrowserError("There is no chromium: apt-get install chromium")
    with playwright() as started:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@contextmanager
def new_tab(browser: Any) -> Iterator[Any]:
    """Open a tab whose browser has nothing cached; as Playwright's `Page`."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()


def seconds_until(page: Any, url: str, is_there: str) -> float:
    """Go to an address; return the seconds from there to the paint of what is looked for.

    Args:
        page: Of a tab of its own.
        url: Where to.
        is_there: A function in JavaScript, asked in every frame.

    Raises:
        BrowserError: it is not there.
    """
    page.add_init_script(_LOOK % is_there)
    page.goto(url, wait_until="commit")
    return float(_noted(page, "shownAfter")) / 1000


def seconds_from(page: Any, begun: float, is_there: str) -> float:
    """Return the seconds from a time of `time.time` to the paint of what is looked for from now on."""
    page.evaluate("delete window.shownAt")
    page.evaluate(_LOOK % is_there)
    return float(_noted(page, "shownAt")) / 1000 - begun


def _noted(page: Any, name: str) -> Any:
    deadline = time.monotonic() + _MAX_SECONDS
    while (noted := page.evaluate(f"window.{name}")) is None:
        if time.monotonic() > deadline:
            raise BrowserError(
                f"{page.url}: not there after {_MAX_SECONDS} s: {page.inner_text('body')[:500]}"
            )
        page.wait_for_timeout(_BETWEEN_LOOKS_MS)
    return noted
