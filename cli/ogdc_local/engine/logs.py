"""Logs of a workflow's pods, as JSON lines like the Argo Server's, or as blocks of text.

Source: WorkflowLogRequest and LogEntry in pkg/apiclient/workflow/workflow.proto of argo-workflows.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import BinaryIO

from ogdc_shared.argo.pod_names import pod_name
from ogdc_shared.errors import InvalidRequestError

_OPTIONS = frozenset({"podName", "logOptions.container", "logOptions.tailLines", "logOptions.follow"})
_PIECE = 256 * 1024
_MAX_LINE = 1024 * 1024
"""In bytes; longer lines are split."""
_DIGITS = 9


def read_logs(
    workflow: str,
    *,
    pods: Iterable[tuple[str, str, str]],
    path_of: Callable[[str, str], Path],
    query: dict[str, str],
    as_text: bool,
) -> Iterator[bytes]:
    """Yield the log lines of a workflow's pods, pod by pod in the order they started.

    Args:
        workflow: Name of the workflow.
        pods: (node id, node name, template) of each pod.
        path_of: Returns a log's path for a workflow name and node id.
        query: `podName`, `logOptions.tailLines` (per pod), `logOptions.container`.
        as_text: Return lines `[task] text` (see `ogdc_shared.line_blocks`) instead of JSON.

    Raises:
        InvalidRequestError: an option is unknown or has a value that is not supported.
    """
    tail = _options(query)
    wanted = query.get("podName")
    named = [(pod_name(workflow, node=name, template=template), node) for node, name, template in pods]
    logs = [(pod, path_of(workflow, node)) for pod, node in named if wanted in (None, pod)]
    return _blocks(logs, tail, partial(_labelled, workflow=workflow) if as_text else _entries)


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


def _blocks(
    logs: list[tuple[str, Path]], tail: int | None, rendered: Callable[[str, str], bytes]
) -> Iterator[bytes]:
    """Render many lines at once, since work per line would take longer than reading the disk."""
    for pod, path in logs:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            for text in _texts(file) if tail is None else _last_texts(file, tail):
                yield rendered(text, pod)


def _entries(text: str, pod: str) -> bytes:
    beginning, end = '{"result":{"content":', f',"podName":{json.dumps(pod)}}}}}\n'
    lines = map(encode_basestring_ascii, text.split("\n"))
    return f"{beginning}{f'{end}{beginning}'.join(lines)}{end}".encode()


def _labelled(text: str, pod: str, *, workflow: str) -> bytes:
    label = f"[{pod.removeprefix(f'{workflow}-')}] "
    return "".join((label, text.replace("\n", f"\n{label}"), "\n")).encode()


def _texts(file: BinaryIO) -> Iterator[str]:
    """Yield the rest of a file in blocks of whole lines, without the final newline."""
    rest = b""
    while piece := file.read(_PIECE):
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            yield _text(whole)
        elif len(rest) > _MAX_LINE:
            yield _text(rest)
            rest = b""
    if rest:
        yield _text(rest)


def _last_texts(file: BinaryIO, count: int) -> Iterator[str]:
    """Yield the last `count` lines of a file, reading only as much as needed."""
    start = file.seek(0, os.SEEK_END)
    found = 0
    while start > 0 and found <= count:
        start = max(0, start - _PIECE)
        file.seek(start)
        found += file.read(_PIECE).count(b"\n")
    file.seek(start)
    last: deque[str] = deque(maxlen=count)
    for text in _texts(file):
        last.extend(text.split("\n"))
    if last:
        yield "\n".join(last)


def _text(lines: bytes) -> str:
    text = lines.decode(errors="replace")
    return "\n".join(line.rstrip("\r") for line in text.split("\n")) if "\r" in text else text
