"""The HTTP API as the command line uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from ogdc_cli.settings import ClientSettings
from ogdc_shared.errors import OgdcError, OutputUnavailableError

_TIMEOUT = urllib3.Timeout(connect=5, read=120)
_CHUNK = 1 << 20


class ApiError(OgdcError):
    """The API refused or failed.

    Attributes:
        status: The HTTP status; None where there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Submitted(NamedTuple):
    """The answer to a submission."""

    name: str
    message: str


class ApiClient:
    """One deployment of ogdc-runner, or the local stack.

    A call that the service answers with 503 is repeated a few times, as its Retry-After says; submissions carry an
    Idempotency-Key, so that repeating them is safe.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self._url = settings.api_url
        self._headers = {"OGDC-User": settings.user, "Accept": "application/json"}
        if token := settings.access_token():
            self._headers["Authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED" if settings.verify_tls else "CERT_NONE")
        if not settings.verify_tls:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return self._url

    def submit(
        self,
        *,
        idempotency_key: str,
        location: str | None = None,
        bundle: bytes | None = None,
        overwrite: bool = False,
    ) -> Submitted:
        """Submit a recipe by its location or, where `bundle` is given, by its content (tar.gz)."""
        headers = {"Idempotency-Key": idempotency_key}
        if bundle is None:
            body = json.dumps({"recipe_path": location, "overwrite": overwrite}).encode()
            answer = self._json("POST", "/submit", body=body, content_type="application/json", headers=headers)
        else:
            query = f"?{urlencode({'overwrite': str(overwrite).lower()})}"
            answer = self._json(
                "POST", f"/submit{query}", body=bundle, content_type="application/gzip", headers=headers
            )
        return Submitted(name=answer["recipe_workflow_name"], message=answer["message"])

    def run(self, name: str) -> dict[str, Any]:
        """One run in detail."""
        return self._json("GET", f"/runs/{_segment(name)}")

    def status(self, name: str) -> str | None:
        """A run's status; None where the service does not know it yet."""
        status: str | None = self._json("GET", f"/status/{_segment(name)}")["status"]
        return status

    def runs(self, **filters: str | int | None) -> Iterator[dict[str, Any]]:
        """All runs that match, newest first, a page at a time."""
        query = {key: value for key, value in filters.items() if value is not None}
        while True:
            page = self._json("GET", f"/runs?{urlencode(query)}")
            yield from page["runs"]
            if not page.get("next"):
                return
            query["before"] = page["next"]

    def logs(self, name: str, *, tail: int | None = None) -> str:
        """What a run's tasks have printed so far."""
        query = f"?tail={tail}" if tail is not None else ""
        with self._request("GET", f"{self._url}/runs/{_segment(name)}/logs{query}") as response:
            return response.data.decode(errors="replace")

    def cancel(self, name: str) -> dict[str, Any]:
        """Stop a run."""
        return self._json("POST", f"/runs/{_segment(name)}/cancel")

    def retry(self, name: str) -> dict[str, Any]:
        """Run again what failed of a run."""
        return self._json("POST", f"/runs/{_segment(name)}/retry")

    def version(self) -> str:
        """Version of the service."""
        version: str = self._json("GET", "/version")["ogdc_runner_version"]
        return version

    def output_url(self, name: str) -> str:
        """Download link of a run's zip."""
        url: str = self._json("GET", f"/output/{_segment(name)}")["data_url"]
        return url

    def download(self, url: str, into: Path) -> Path:
        """Fetch `url` into the directory `into` under its own file name; what is half there is never seen there.

        Raises:
            OutputUnavailableError: the link does not name a zip.
        """
        name = Path(urlsplit(url).path).name
        if not name.endswith(".zip"):
            raise OutputUnavailableError(f"The download link {url} does not name a zip file.")
        into.mkdir(parents=True, exist_ok=True)
        target, partial = into / name, into / f".{name}.part"
        try:
            with self._request("GET", url, headers={}) as response, partial.open("wb") as file:
                for chunk in response.stream(_CHUNK):
                    file.write(chunk)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return target

    def _json(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        sent = self._headers | dict(headers or {})
        if content_type:
            sent["Content-Type"] = content_type
        with self._request(method, self._url + path, body=body, headers=sent) as response:
            return _object(response.data, self._url + path)

    @contextmanager
    def _request(
        self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        retries = urllib3.Retry(
            total=4, connect=0, read=0, other=0, status=4, backoff_factor=0.2, status_forcelist=(503,),
            allowed_methods=None, raise_on_status=False,
        )  # fmt: skip
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=dict(self._headers if headers is None else headers),
                timeout=_TIMEOUT,
                retries=retries,
                preload_content=False,
            )
            try:
                if response.status >= 400:
                    raise ApiError(_detail(response, url), status=response.status)
                yield response
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as exc:
            raise ApiError(
                f"{self._url} does not answer: {_reason(exc)}. `ogdc-runner up` starts a stack on this machine; "
                "OGDC_API_URL names another deployment."
            ) from exc


def _segment(name: str) -> str:
    return quote(name, safe="")


def _object(data: bytes, url: str) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError as exc:
        raise ApiError(f"{url} did not answer as an OGDC API does. Is OGDC_API_URL right?") from exc
    if not isinstance(answer, dict):
        raise ApiError(f"{url} did not answer as an OGDC API does. Is OGDC_API_URL right?")
    return answer


def _detail(response: urllib3.BaseHTTPResponse, url: str) -> str:
    try:
        detail = json.loads(response.data)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{url} answered {response.status} {response.reason or ''}".rstrip() + "."
    return detail if isinstance(detail, str) else json.dumps(detail)


def _reason(exc: Exception) -> str:
    inner = getattr(exc, "reason", None) or exc
    return str(inner).rsplit(": ", 1)[-1]
