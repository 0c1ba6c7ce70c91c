"""Parsing the log stream of the Argo Server in blocks, since there may be millions of lines.

Source: WorkflowLogRequest and LogEntry in pkg/apiclient/workflow/workflow.proto of argo-workflows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ogdc_shared.errors import ArgoUnavailableError


class Result(msgspec.Struct, rename="camel", gc=False):
    """A line, and the pod that wrote it."""

    content: str = ""
    pod_name: str = ""


class Problem(msgspec.Struct, gc=False):
    """Why the stream ends."""

    message: str | None = None


class Entry(msgspec.Struct, gc=False):
    """One of the two."""

    result: Result | None = None
    error: Problem | None = None


_DECODER = msgspec.json.Decoder(Entry)


def read_lines(pieces: Iterable[bytes]) -> Iterator[Result]:
    """Parse a stream that arrives in pieces of any size.

    Raises:
        ArgoUnavailableError: Argo ends it with an error, or its content is malformed.
    """
    rest = b""
    try:
        for piece in pieces:
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                yield from _results(whole)
        yield from _results(rest)
    except msgspec.MsgspecError as exc:
        raise ArgoUnavailableError(f"The logs ended early: {exc}.") from exc


def _results(lines: bytes) -> Iterator[Result]:
    for entry in _entries(lines):
        if entry.error is not None:
            raise ArgoUnavailableError(f"Argo stopped sending the logs: {entry.error.message}")
        if entry.result is not None:
            yield entry.result


def _entries(lines: bytes) -> Iterable[Entry]:
    try:
        return _DECODER.decode_lines(lines)
    except msgspec.MsgspecError:  # give those before the one that cannot be read
        return (_DECODER.decode(line) for line in lines.split(b"\n") if line.strip())
