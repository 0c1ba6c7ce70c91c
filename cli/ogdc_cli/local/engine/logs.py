"""Logs of a workflow's pods, as the Argo Server streams them: a JSON object a line.

Source: WorkflowLogRequest and LogEntry in pkg/apiclient/workflow/workflow.proto of argo-workflows.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ogdc_cli.local.engine.nodes import pod_name
from ogdc_shared.errors import InvalidRequestError

_OPTIONS = frozenset({"podName", "logOptions.container", "logOptions.tailLines", "logOptions.follow"})
_LONGEST_LINE = 64 * 1024
"""Bytes; what is longer is given in parts."""
_TAIL_BLOCK = 64 * 1024
_DIGITS = 9


def read_logs(
    workflow: str,
    *,
    pods: Iterable[tuple[str, str, str]],
    path_of: Callable[[str, str], Path],
    query: dict[str, str],
) -> Iterator[bytes]:
    """The log lines of a workflow's pods, one pod after the other in the order they began.

    Args:
        workflow: Its name.
        pods: (node id, node name, template) of each.
        path_of: Workflow name and node id → the log's file.
        query: `podName`, `logOptions.tailLines` (of each pod), `logOptions.container`.

    Raises:
        InvalidRequestError: another option, or one of these with another meaning than here.
    """
    tail = _options(query)
    wanted = query.get("podName")
    named = [(pod_name(workflow, node=name, template=template), node) for node, name, template in pods]
    return _entries([(pod, path_of(workflow, node)) for pod, node in named if wanted in (None, pod)], tail)


def _options(query: dict[str, str]) -> int | None:
    unknown = sorted(set(query) - _OPTIONS)
    if unknown:
        raise InvalidRequestError(f"log: {unknown[0]} is not offered by the local stack.")
    if query.get("logOptions.follow", "false") != "false":
        raise InvalidRequestError(
            "log: logOptions.follow is not offered by the local stack; ask again for more."
        )
    if query.get("logOptions.container", "main") != "main":
        raise InvalidRequestError("log: the only container is main.")
    tail = query.get("logOptions.tailLines")
    if tail is not None and (not tail.isdecimal() or len(tail) > _DIGITS):
        raise InvalidRequestError(f"log: logOptions.tailLines: expected a whole number, got {tail[:80]!r}.")
    return None if tail is None else int(tail)


def _entries(logs: list[tuple[str, Path]], tail: int | None) -> Iterator[bytes]:
    for pod, path in logs:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            for line in _lines(file) if tail is None else _last_lines(file, tail):
                entry = {"content": line.decode(errors="replace").rstrip("\r\n"), "podName": pod}
                yield json.dumps({"result": entry}).encode() + b"\n"


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_LONGEST_LINE):
        yield line


def _last_lines(file: BinaryIO, count: int) -> Iterable[bytes]:
    """The last lines of a file, reading no more of it than they take."""
    start = file.seek(0, os.SEEK_END)
    found = 0
    while start > 0 and found <= count:
        start = max(0, start - _TAIL_BLOCK)
        file.seek(start)
        found += file.read(_TAIL_BLOCK).count(b"\n")
    file.seek(start)
    return deque(_lines(file), maxlen=count)
