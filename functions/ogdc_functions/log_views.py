"""Responses with parts of a task's log."""

from __future__ import annotations

from collections.abc import Mapping

from ogdc_shared.api import log_answers, run_routes
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.runs.task_logs import open_task_log, part_after, part_before, search


def log_part_view(context: Context, query: Mapping[str, str], name: str, task: str) -> log_answers.LogPart:
    """Answer with some lines of a task's log."""
    after, before = run_routes.LOG_AFTER.read(query), run_routes.LOG_BEFORE.read(query)
    limit = run_routes.LOG_LIMIT.read(query)
    log = open_task_log(context, name, task)
    begin, text = part_before(log, before, limit) if before else part_after(log, after, limit)
    return log_answers.LogPart(
        task=task,
        begin=begin,
        end=begin + len(text),
        size=log.size,
        is_whole=log.is_whole,
        text=text.decode(errors="replace"),
    )


def matches_view(context: Context, query: Mapping[str, str], name: str, task: str) -> log_answers.LogMatches:
    """Answer with lines of a task's log that contain a text.

    Raises:
        InvalidRequestError: the text is missing or spans lines.
    """
    wanted = run_routes.SEARCH.read(query)
    if not wanted or "\n" in wanted:
        raise InvalidRequestError("text: give the text to search for, on a single line.")
    after, limit = run_routes.LOG_AFTER.read(query), run_routes.MATCHES.read(query)
    found = search(open_task_log(context, name, task), wanted, after=after, limit=limit)
    return log_answers.LogMatches(
        matches=[log_answers.LogMatch(at, text.decode(errors="replace")) for at, text in found.matches],
        next=found.next,
    )
