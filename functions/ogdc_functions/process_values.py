"""Outputs of processes by value: as a JSON document, a single raw value, or multipart.

Source: OGC 18-062r2, section 7.11.4 and 7.13; RFC 2387 (multipart/related).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from flask import Response

from ogdc_functions.http.responses import json_response
from ogdc_shared.errors import UnknownProcessError
from ogdc_shared.phases import TERMINAL_PHASES

if TYPE_CHECKING:
    from ogdc_shared.context import Context
    from ogdc_shared.db.runs import Run

ECHO = "echo"
_SECONDS = 60.0
_WAITING = BoundedSemaphore(2)
"""Limits synchronous executions, because each holds one of the few threads of a process."""


def waited_for(context: Context, run: Run) -> Response | None:
    """Wait for a run and answer with its outputs; None if it takes longer, or too many requests wait already.

    Raises:
        JobFailedError: it ended without outputs.
    """
    from ogdc_shared.processes.jobs import require_result, wait_for_end

    if not _WAITING.acquire(blocking=False):
        return None
    try:
        run = wait_for_end(context, run.name, seconds=_SECONDS)
    finally:
        _WAITING.release()
    if run.status not in TERMINAL_PHASES:
        return None
    require_result(run)
    return values_of(context, run)


def values_of(context: Context, run: Run) -> Response | None:
    """Answer with the outputs of a run; None if its process does not support values."""
    from ogdc_shared.processes.echo_process import echo_values, is_echo
    from ogdc_shared.processes.record import get_process

    try:
        with context.database.autocommit() as conn:
            process = get_process(conn, run.recipe_id)
    except UnknownProcessError:
        return None
    if not is_echo(process):
        return None
    values = echo_values(context, run)
    if values.is_document or not values.by_name:
        return json_response({name: _inline(value) for name, value in values.by_name.items()})
    if len(values.by_name) == 1:
        [value] = values.by_name.values()
        kind, content = _rendered(value)
        return Response(content, content_type=kind)
    return _multipart(values.by_name)


def _multipart(values: Mapping[str, Any]) -> Response:
    boundary = secrets.token_hex(16)
    parts = []
    for name, value in values.items():
        kind, content = _rendered(value)
        parts.append(f"--{boundary}\r\nContent-Type: {kind}\r\nContent-ID: <{name}>\r\n\r\n{content}\r\n")
    body = "".join([*parts, f"--{boundary}--\r\n"])
    return Response(body, content_type=f"multipart/related; boundary={boundary}")


def _rendered(value: Any) -> tuple[str, str]:
    """The media type and text of a value."""
    if isinstance(value, str):
        return "text/plain; charset=utf-8", value
    return "application/json", json.dumps(value, ensure_ascii=False)


def _inline(value: Any) -> Any:
    """A value as in a document: objects are wrapped in `value`, except bounding boxes and links."""
    return value if not isinstance(value, dict) or {"bbox", "href"} & value.keys() else {"value": value}
