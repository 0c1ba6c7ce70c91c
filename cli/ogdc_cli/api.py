"""Client for the HTTP API."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from msgspec.json import encode

from ogdc_cli.login.credentials import Credentials
from ogdc_cli.settings import ClientSettings
from ogdc_cli.transport import ApiError, Known, Transport
from ogdc_shared.api import answers, trigger_answers
from ogdc_shared.api.account_answers import MeResponse
from ogdc_shared.api.requests import SubmitRequest, TriggerRequest
from ogdc_shared.errors import OgdcError, OutputUnavailableError, UnknownRunError, UnknownTriggerError
from ogdc_shared.line_blocks import whole_lines

if TYPE_CHECKING:
    from ogdc_cli.sender import Response

__all__ = ["ApiClient", "ApiError", "Submitted"]

_T = TypeVar("_T")
_PARTITIONS = 1000
_FACTS = 100
_OUTPUTS = 1000
JSON = {"Content-Type": "application/json"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


class Submitted(NamedTuple):
    """The answer to a submission."""

    name: str
    message: str
    advice: tuple[str, ...] = ()
    """What the recipe's author may not have meant; a deployment of the version before says nothing."""
    waits: bool = False
    """Whether there is no room for the run yet."""


class ApiClient:
    """One deployment of ogdc-runner, or the local stack.

    Every call raises `ApiError` where the service refuses or does not answer.
    """

    def __init__(self, settings: ClientSettings, credentials: Credentials | None = None) -> None:
        """Store the settings; no request is sent yet.

        Args:
            settings: Which deployment to use, and how to reach it.
            credentials: The credentials to send, or None for the user's own.
        """
        self.url = settings.api_url
        self._claimed = settings.user
        self._transport = Transport(settings, credentials)

    @property
    def user(self) -> str:
        """The deployment's name for the caller, by which the `submitted_by` filter finds their runs."""
        if not self._transport.shows_token():
            return self._claimed
        try:
            return self._transport.call("GET", "/me", MeResponse).subject
        except ApiError as exc:
            if exc.status == 404:  # of a version that knows no users
                return self._claimed
            raise

    def submit(
        self,
        *,
        idempotency_key: str,
        location: str | None = None,
        bundle: bytes | None = None,
        parameters: Mapping[str, str] = MappingProxyType({}),
        overwrite: bool = False,
        cache: bool = True,
        fresh: bool = False,
        priority: int = 0,
    ) -> Submitted:
        """Submit a recipe by its location or, where `bundle` is given, by its content (tar.gz).

        However often a call with the same key arrives, it starts one run.
        """
        headers = {"Idempotency-Key": idempotency_key}
        query: list[tuple[str, str]] = []
        if bundle is None:
            kind = "application/json"
            body = encode(
                SubmitRequest(recipe_path=location or "", overwrite=overwrite, parameters=dict(parameters))
            )
        else:
            kind, body = "application/gzip", bundle
            query = [("overwrite", str(overwrite).lower())]
            query += [("set", f"{name}={value}") for name, value in parameters.items()]
        query += [] if cache else [("cache", "false")]
        query += [("fresh", "true")] if fresh else []
        query += [("priority", str(priority))] if priority else []
        headers |= {"Content-Type": kind}
        path = f"/submit?{urlencode(query)}" if query else "/submit"
        answer = self._transport.call("POST", path, answers.SubmitResponse, body=body, headers=headers)
        return Submitted(
            name=answer.recipe_workflow_name,
            message=answer.message,
            advice=tuple(answer.advice),
            waits=answer.waits,
        )

    def run(self, name: str, *, tasks: int | None = None) -> answers.RunDetail:
        """Return one run in detail, with at most `tasks` tasks, or the service's default number if None."""
        query = "" if tasks is None else f"?task_limit={tasks}"
        return self._transport.call("GET", f"/runs/{segment(name)}{query}", answers.RunDetail)

    def poll(self, name: str, *, wait: float = 0.0) -> Callable[[], answers.RunDetail]:
        """Return a function that fetches a run without its tasks; unchanged answers are not sent again.

        The local stack waits up to `wait` seconds for a change; other deployments answer at once.
        """
        known: Known[answers.RunDetail] | None = None

        def ask() -> answers.RunDetail:
            nonlocal known
            path = f"/runs/{segment(name)}?task_limit=0"
            known = self._transport.call_unless_known(path, answers.RunDetail, known, wait=wait)
            return known.answer

        return ask

    def runs(self, **filters: str | int | None) -> Iterator[answers.Run]:
        """All runs that match, newest first, a page at a time."""
        query = {key: value for key, value in filters.items() if value is not None}
        while True:
            page = self._transport.call("GET", f"/runs?{urlencode(query)}", answers.RunList)
            yield from page.runs
            if not page.next:
                return
            query["before"] = page.next

    def partitions(self, name: str) -> Iterator[answers.Partition]:
        """How a run's inputs are divided, and how far each part is, a page at a time."""
        path = f"/runs/{segment(name)}/partitions?limit={_PARTITIONS}"
        kind = answers.PartitionList
        yield from pages(lambda rest: self._transport.call("GET", path + rest, kind).partitions)

    def facts(self, name: str) -> Iterator[answers.Facts]:
        """What a run's tasks have done, a page at a time."""
        path = f"/runs/{segment(name)}/facts?limit={_FACTS}"
        yield from pages(lambda rest: self._transport.call("GET", path + rest, answers.FactsList).tasks)

    def logs(self, name: str, *, tail: int | None = None, task: str | None = None) -> Iterator[bytes]:
        """What a run's tasks, or one of them, have printed so far, some whole lines at a time."""
        asked = {key: value for key, value in (("tail", tail), ("task", task)) if value is not None}
        query = f"?{urlencode(asked)}" if asked else ""
        with self._transport.stream("GET", f"/runs/{segment(name)}/logs{query}") as response:
            yield from whole_lines(response.pieces())

    def save_provenance(self, name: str, target: Path, *, metadata_alone: bool = False) -> None:
        """Write the crate of a run, a zip, or its metadata to a file.

        Raises:
            OSError: it cannot be written.
        """
        accept = {"Accept": "application/ld+json" if metadata_alone else "application/zip"}
        path = f"/runs/{segment(name)}/provenance"
        with self._transport.stream("GET", path, headers=accept) as response:
            _save(response, target)

    def cancel(self, name: str) -> answers.Run:
        """Stop a run."""
        return self._transport.call("POST", f"/runs/{segment(name)}/cancel", answers.Run)

    def remove(self, name: str) -> answers.Run:
        """Remove what a run that has ended left."""
        return self._transport.call("DELETE", f"/runs/{segment(name)}", answers.Run)

    def retry(self, name: str) -> answers.Run:
        """Retry the failed tasks of a run."""
        return self._transport.call("POST", f"/runs/{segment(name)}/retry", answers.Run)

    def triggers(self) -> list[trigger_answers.Trigger]:
        """All triggers, by name."""
        return self._transport.call("GET", "/triggers", trigger_answers.TriggerList).triggers

    def trigger(self, name: str, *, uploads: int) -> trigger_answers.TriggerDetail:
        """One trigger with as many of its newest uploads."""
        path = f"/triggers/{segment(name, UnknownTriggerError)}?uploads={uploads}"
        return self._transport.call("GET", path, trigger_answers.TriggerDetail)

    def add_trigger(self, asked: TriggerRequest) -> trigger_answers.Trigger:
        """Have uploads start runs."""
        return self._transport.call(
            "POST", "/triggers", trigger_answers.Trigger, body=encode(asked), headers=JSON
        )

    def remove_trigger(self, name: str) -> str:
        """Remove a trigger; returns what the service says of that."""
        path = f"/triggers/{segment(name, UnknownTriggerError)}"
        return self._transport.call("DELETE", path, trigger_answers.TriggerRemoved).message

    def version(self) -> str:
        """Version of the service."""
        return self._transport.call("GET", "/version", answers.VersionResponse).ogdc_runner_version

    def output_url(self, name: str) -> str:
        """Download link of a run's zip."""
        return self._transport.call("GET", f"/output/{segment(name)}", answers.OutputResponse).data_url

    def outputs(self, name: str) -> Iterator[answers.OutputEntry]:
        """The files of a run's result, a page at a time."""
        path, rest = f"/runs/{segment(name)}/outputs?limit={_OUTPUTS}", ""
        while True:
            page = self._transport.call("GET", path + rest, answers.OutputList)
            yield from page.files
            if not page.next:
                return
            rest = f"&{urlencode({'after': page.next})}"

    def download_file(self, name: str, path: str, target: Path) -> None:
        """Download one file of a run's result to `target`, which appears only once it is complete.

        Raises:
            OutputUnavailableError: the result has no file of that name.
            OSError: `target` cannot be written, or the disk is full.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".get-output-") as scratch:
            partial = Path(scratch, "partial")
            with partial.open("wb") as file:
                self.copy_file(name, path, file.write)
            partial.replace(target)

    def copy_file(self, name: str, path: str, write: Callable[[bytes], object]) -> None:
        """Pass one file of a run's result to `write`, piece by piece.

        Raises:
            OutputUnavailableError: there is no file of that name.
        """
        if {"", ".", ".."} & {*path.split("/")}:  # which would lead to another path of the API
            raise OutputUnavailableError(
                f"{path!r} is not a file of the result; `ogdc-runner outputs {name}` lists the files.",
                elsewhere=True,
            )
        with self._transport.stream("GET", f"/runs/{segment(name)}/outputs/{quote(path)}") as response:
            for piece in response.pieces():
                write(piece)

    def download(self, url: str, into: Path) -> Path:
        """Download the zip at `url` into the directory `into`; the file appears only once it is complete.

        Raises:
            OutputUnavailableError: the link does not name a zip.
            OSError: `into` cannot be written, or the disk is full.
        """
        name = Path(urlsplit(url).path).name
        if not name.endswith(".zip"):
            raise OutputUnavailableError(f"The download link {url} does not name a zip file.")
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=f".{name}-") as scratch:
            partial = Path(scratch, name)
            with self._transport.fetch(url) as response:
                _save(response, partial)
            return partial.rename(into / name)


def _save(response: Response, target: Path) -> None:
    """Write an answer to a file, a piece at a time."""
    with target.open("wb") as file:
        for piece in response.pieces():
            file.write(piece)


def pages(ask: Callable[[str], list[_T]]) -> Iterator[_T]:
    """All entries of a list; `ask` gets a page of it, given what its query ends with."""
    offset = 0
    while page := ask(f"&offset={offset}"):
        yield from page
        offset += len(page)


def segment(name: str, unknown: Callable[[str], OgdcError] = UnknownRunError) -> str:
    """A name, or an id, as part of a path.

    Raises:
        UnknownRunError: or `unknown`: nothing can be called so, which a server might take for another path.
    """
    if not _NAME.fullmatch(name):
        raise unknown(name)
    return name
