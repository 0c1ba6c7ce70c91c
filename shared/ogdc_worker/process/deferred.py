"""Fetching in an init container, and reporting its failure in the main container that follows.

Argo reports neither exit code, message nor log of an init container, and would retry the task after any
failure. So this init container always succeeds, and leaves its log and failure in the workspace. Commands can
write there too, so links are not followed, and only a message is read from it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.errors import InputNotFoundError, SourceUnavailableError
from ogdc_shared.open_flags import CREATE_FILE, READ_FILE
from ogdc_shared.removal import remove
from ogdc_worker import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from ogdc_worker.report import Reporter

_LOG, _FAILURE = "fetch.log", "fetch-failure.json"
_PIECE = 1 << 20


def fetch_first(workspace: str, reporter: Reporter, fetch: Callable[[], None]) -> None:
    """Call `fetch`; leave the log and the failure, if any, for `take_over`."""
    for name in (_LOG, _FAILURE):
        remove(f"{workspace}/{name}")
    reporter.copy = os.open(f"{workspace}/{_LOG}", CREATE_FILE, 0o600)
    try:
        fetch()
    except Exception as exc:
        from ogdc_worker.failures import explain, is_passing

        failure = {"message": explain(exc), "passing": is_passing(exc)}
        reporter.event("failed", message=failure["message"])
        with open(os.open(f"{workspace}/{_FAILURE}", CREATE_FILE, 0o600), "w", encoding="ascii") as file:
            json.dump(failure, file)


def take_over(workspace: str) -> None:
    """Print the log of the init container, and fail if it failed.

    Raises:
        SourceUnavailableError: it failed temporarily.
        InputNotFoundError: it failed permanently.
    """
    with suppress(FileNotFoundError), open(os.open(f"{workspace}/{_LOG}", READ_FILE), "rb") as fetched:
        while piece := fetched.read(_PIECE):
            log.write(piece)
    remove(f"{workspace}/{_LOG}")
    failure = _failure(f"{workspace}/{_FAILURE}")
    remove(f"{workspace}/{_FAILURE}")
    if failure:
        message = str(failure.get("message", ""))
        raise SourceUnavailableError(message) if failure.get("passing") else InputNotFoundError(message)


def _failure(path: str) -> dict[str, object]:
    with suppress(FileNotFoundError, ValueError), open(os.open(path, READ_FILE), "rb") as file:
        read = json.loads(file.read(_PIECE))
        return read if isinstance(read, dict) else {}
    return {}
