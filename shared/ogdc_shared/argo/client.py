"""The few calls of the Argo Server's REST API that a run needs.

Source: pkg/apiclient/workflow/workflow.proto of argo-workflows (WorkflowService).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from ogdc_shared.argo.connection import Connection, accepted, document, reason
from ogdc_shared.config import ArgoSettings
from ogdc_shared.errors import ArgoUnavailableError, RunStateError
from ogdc_shared.telemetry.base import Telemetry

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PAGE_SIZE = 500
_PIECE = 64 * 1024
_OF_THE_EXECUTOR = re.compile(r"time=\S+ level=\w+ msg=.* argo=true(?: .*)?")
"""What Argo's program around a container's command writes among the command's lines.

Source: cmd/argoexec/commands/root.go, workflow/executor/osspecific/command_unix.go of argo-workflows.
"""


class LogLine(NamedTuple):
    """One line that a task wrote."""

    task: str
    """The pod's name without the workflow's in front: its template and a number."""
    text: str


class ArgoClient:
    """Speaks with one Argo Server (or the local engine) about the workflows of one namespace.

    May be shared between threads. Every method raises `ArgoUnavailableError` where no answer comes or the
    server cannot answer now, and `ConfigurationError` where it refuses for a reason that only the operator
    can mend.
    """

    def __init__(self, settings: ArgoSettings, *, telemetry: Telemetry | None = None) -> None:
        self._connection = Connection(settings, telemetry or Telemetry())
        self._workflows = f"/api/v1/workflows/{quote(settings.namespace, safe='')}"

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create a workflow, or find that it was created before: its name decides.

        Returns:
            The Workflow as the server has it.
        """
        response = self._connection.call("POST", self._workflows, body={"workflow": manifest})
        if response.status != 409:
            return document(response)
        name = manifest["metadata"]["name"]
        workflow = self.get(name)
        if workflow is None:
            raise ArgoUnavailableError(f"Argo refuses workflow {name} as existing, yet has none; try again.")
        return workflow

    def get(self, name: str) -> dict[str, Any] | None:
        """Read a workflow; None where there is none of that name."""
        response = self._connection.call("GET", self._path(name))
        return None if response.status == 404 else document(response)

    def list(self, label_selector: str | None = None) -> Iterator[dict[str, Any]]:
        """Go through the namespace's workflows, asking page by page.

        Args:
            label_selector: As kubectl takes it, e.g. `ogdc/run`; None: all workflows.
        """
        query = {"listOptions.limit": str(_PAGE_SIZE)}
        if label_selector is not None:
            query["listOptions.labelSelector"] = label_selector
        more = True
        while more:
            page = document(self._connection.call("GET", self._workflows, query=query))
            yield from page.get("items") or ()
            query["listOptions.continue"] = (page.get("metadata") or {}).get("continue") or ""
            more = bool(query["listOptions.continue"])

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

    def logs(self, name: str, *, tail: int | None = None) -> Iterator[LogLine]:
        """Stream what the tasks of a workflow have written so far; nothing where their pods are gone.

        Args:
            name: The workflow's.
            tail: How many lines, counted from the end of each pod's; None: all.
        """
        query = {"logOptions.container": "main"}
        if tail is not None:
            query["logOptions.tailLines"] = str(tail)
        response = self._connection.call("GET", f"{self._path(name)}/log", query=query, stream=True)
        try:
            if response.status != 404:
                yield from _log_lines(accepted(response), workflow=name)
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


def _log_lines(response: BaseHTTPResponse, *, workflow: str) -> Iterator[LogLine]:
    from urllib3.exceptions import HTTPError

    from ogdc_shared.argo.log_lines import read_lines

    tasks: dict[str, str] = {}
    try:
        for line in read_lines(response.stream(_PIECE)):
            pod, text = line.pod_name, line.content
            if not (text.startswith("time=") and _OF_THE_EXECUTOR.fullmatch(text)):
                yield LogLine(tasks.get(pod) or tasks.setdefault(pod, pod.removeprefix(f"{workflow}-")), text)
    except HTTPError as exc:
        raise ArgoUnavailableError(f"The logs broke off: {exc}.") from exc
