"""Logs of a workflow's pods, as the Argo Server streams them: a JSON object a line; or as blocks of text.

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
"""Bytes; what is longer is given in parts."""
_DIGITS = 9


def read_logs(
    workflow: str,
    *,
    pods: Iterable[tuple[str, str, str]],
    path_of: Callable[[str, str], Path],
    query: dict[str, str],
    as_text: bool,
) -> Iterator[bytes]:
    """The log lines of a workflow's pods, one pod after the other in the order they began.

    Args:
        workflow: Its name.
        pods: (node id, node name, template) of each.
        path_of: Workflow name and node id → the log's file.
        query: `podName`, `logOptions.tailLines` (of each pod), `logOptions.container`.
        as_text: Give lines `[task] text` (see `ogdc_shared.line_blocks`), not JSON.

    Raises:
        InvalidRequestError: another option, or one of these with another meaning than here.
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
    """Many lines at a time: what is done for each line alone would take longer than reading the disk."""
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
    """What is left of a file, in pieces of whole lines without the newline at their end."""
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
    """The last lines of a file, reading no more of it than they take."""
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
