"""Selecting a run: by name, by a unique prefix, or by recency (-1, -2, …)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ogdc_cli.terminal import one_line
from ogdc_shared.errors import InvalidRequestError, UnknownRunError

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient

_COUNTED = re.compile(r"-[1-9][0-9]{0,5}")
_WHOLE = re.compile(r"[a-z0-9-]+-[a-z2-7]{10}")
"""As `workflow.names` makes them."""
_SHOWN_TASK = re.compile(r"([a-z0-9-]+)\(([0-9]+):[0-9]+\)")
_SHOWN = 5
_LOOKED_AT = 1000
"""Runs of a service that does not look for beginnings itself, being older."""


def task_of(text: str) -> str:
    """Return the API's name of a task: `process/3` for `3` and for `process(3:3)`, as it is shown."""
    if text.isdecimal():
        return f"process/{text}"
    return _SHOWN_TASK.sub(r"\1/\2", text)


def is_counted(text: str) -> bool:
    """Whether it says a run as `-1`, the newest, or `-2`, the one before it."""
    return _COUNTED.fullmatch(text) is not None


def find_name(client: ApiClient, text: str) -> str:
    """Return the name of the run that a text refers to.

    Raises:
        UnknownRunError: no run's name begins with it.
        InvalidRequestError: several do, or there are fewer runs.
        ApiError: the service does not respond.
    """
    if is_counted(text):
        return _counted(client, -int(text))
    if _WHOLE.fullmatch(text):
        return text
    # Nothing is the beginning of every name, and mostly a variable of a script that was never set.
    names = list(islice(names_beginning(client, text), _SHOWN + 1)) if text else []
    if text in names:
        return text
    if not names:
        raise UnknownRunError(text)
    if len(names) > 1:
        several = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        raise InvalidRequestError(
            f"Several runs' names begin with {text!r}: {one_line(several)}. Give more characters."
        )
    return names[0]


def names_beginning(client: ApiClient, text: str) -> Iterator[str]:
    """Names of runs that begin so, those of the newest first."""
    runs = islice(client.runs(name_prefix=text, limit=100), _LOOKED_AT)
    return (run.name for run in runs if run.name.startswith(text))


def _counted(client: ApiClient, number: int) -> str:
    """Return the caller's n-th newest run; others' runs on a shared deployment are not counted."""
    runs = list(islice(client.runs(submitted_by=client.user, limit=min(number, 200)), number))
    if len(runs) < number:
        there_are = {0: "There is no run", 1: "There is 1 run"}.get(len(runs), f"There are {len(runs)} runs")
        raise InvalidRequestError(f"-{number}: {there_are} of {client.user}. `ogdc-runner list` shows all.")
    return runs[-1].name
