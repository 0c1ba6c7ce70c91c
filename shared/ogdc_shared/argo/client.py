"""The calls of the Argo Server's REST API that runs need.

Source: pkg/apiclient/workflow/workflow.proto of argo-workflows (WorkflowService).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ogdc_shared.argo.connection import Connection, accepted, document, reason
from ogdc_shared.config import ArgoSettings
from ogdc_shared.errors import ArgoUnavailableError, RunStateError
from ogdc_shared.line_blocks import LOG_BLOCKS, whole_lines
from ogdc_shared.telemetry.base import Telemetry

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 256 * 1024
_LINES_TOGETHER = 500
_LOG_TYPES = f"{LOG_BLOCKS}, application/json"
_OF_THE_EXECUTOR = re.compile(r"time=\S+ level=\w+ msg=.* argo=true(?: .*)?")
"""What Argo's program around a container's command writes among the command's lines.

Source: cmd/argoexec/commands/root.go, workflow/executor/osspecific/command_unix.go of argo-workflows.
"""


class ArgoClient:
    """Client of an Argo Server (or the local engine) for the workflows of one namespace.

    Thread-safe. All methods raise `ArgoUnavailableError` if there is no response or the server is temporarily
    unable to respond, and `ConfigurationError` if it rejects a request for a reason that only the operator
    can fix.
    """

    def __init__(self, settings: ArgoSettings, *, telemetry: Telemetry | None = None) -> None:
        self._connection = Connection(settings, telemetry or Telemetry())
        self._workflows = f"/api/v1/workflows/{quote(settings.namespace, safe='')}"

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create a workflow, or find that it was created before: its name decides.

        Returns:
            The Workflow as the server has it.

        Raises:
            ArgoRefusedError: Argo rejects the manifest.
            ArgoUnavailableError: Argo does not answer, or cannot find a workflow that it says exists.
        """
        response = self._connection.call("POST", self._workflows, body={"workflow": manifest})
        if response.status != 409:
            return document(response)
        name = manifest["metadata"]["name"]
        workflow = self.get(name)
        if workflow is None:
            raise ArgoUnavailableError(
                f"Argo reports that workflow {name} exists, but cannot find it. Try again."
            )
        return workflow

    def get(self, name: str) -> dict[str, Any] | None:
        """Read a workflow; None if there is none with that name."""
        response = self._connection.call("GET", self._path(name))
        return None if response.status == 404 else document(response)

    def terminate(self, name: str) -> None:
        """Stop a workflow and its pods at once.

        Raises:
            RunStateError: it has ended, or is gone.
        """
        self._change(name, "terminate", repeatable=True)

    def retry(self, name: str) -> None:
        """Let the failed tasks of a workflow run again.

        Raises:
            RunStateError: it has not failed, or is gone.
        """
        self._change(name, "retry", repeatable=False)

    def delete(self, name: str) -> None:
        """Remove a workflow and its pods; one that is gone already is as good."""
        response = self._connection.call("DELETE", self._path(name))
        if response.status != 404:
            accepted(response)

    def logs(self, name: str, *, tail: int | None = None, pod: str | None = None) -> Iterator[bytes]:
        """Stream what the tasks of a workflow have written so far; empty if their pods were deleted.

        Yields blocks of whole UTF-8 lines, each `[task] text`, where a task has its pod's name without the
        workflow's name: its template and a number.

        Args:
            name: Name of the workflow.
            tail: Number of lines from the end of each pod's log; None means all.
            pod: Name of a single pod, or None for all.
        """
        query = {"logOptions.container": "main"}
        if tail is not None:
            query["logOptions.tailLines"] = str(tail)
        if pod is not None:
            query["podName"] = pod
        response = self._connection.call(
            "GET", f"{self._path(name)}/log", query=query, stream=True, accept=_LOG_TYPES
        )
        try:
            if response.status != 404:
                yield from _log_blocks(accepted(response), workflow=name)
        finally:
            response.close()

    def _change(self, name: str, action: str, *, repeatable: bool) -> None:
        path = f"{self._path(name)}/{action}"
        response = self._connection.call("PUT", path, body={}, repeatable=repeatable)
        if response.status == 404:
            raise RunStateError(f"Cannot {action} {name}: Argo no longer has its workflow. Submit it again.")
        if response.status in {400, 409, 412} or _has_ended(response):
            raise RunStateError(f"Cannot {action} {name}: {reason(response)}")
        accepted(response)

    def _path(self, name: str) -> str:
        return f"{self._workflows}/{quote(name, safe='')}"


def _has_ended(response: BaseHTTPResponse) -> bool:
    """Whether Argo did nothing since the workflow has ended, which it calls an internal error.

    Source: workflow/util/util.go of argo-workflows (AlreadyShutdownError).
    """
    return response.status == 500 and "completed workflow" in reason(response)


def _log_blocks(response: BaseHTTPResponse, *, workflow: str) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    pieces = response.stream(_PIECE)
    try:
        if response.headers.get("Content-Type") == LOG_BLOCKS:
            yield from whole_lines(pieces)
        else:
            yield from _together(_log_lines(pieces, workflow=workflow))
    except HTTPError as exc:
        raise ArgoUnavailableError(f"The logs ended early: {exc}.") from exc


def _log_lines(pieces: Iterator[bytes], *, workflow: str) -> Iterator[str]:
    from ogdc_shared.argo.log_lines import read_lines

    tasks: dict[str, str] = {}
    for line in read_lines(pieces):
        pod, text = line.pod_name, line.content
        if not (text.startswith("time=") and _OF_THE_EXECUTOR.fullmatch(text)):
            yield f"[{tasks.get(pod) or tasks.setdefault(pod, pod.removeprefix(f'{workflow}-'))}] {text}\n"


def _together(lines: Iterator[str]) -> Iterator[bytes]:
    """Put lines together to blocks, also those before an error; half a surrogate pair cannot be encoded."""
    broke: ArgoUnavailableError | None = None
    while broke is None:
        some: list[str] = []
        try:
            some.extend(islice(lines, _LINES_TOGETHER))
        except ArgoUnavailableError as exc:
            broke = exc
        if not some:
            break
        yield "".join(some).encode(errors="replace")
    if broke is not None:
        raise broke
