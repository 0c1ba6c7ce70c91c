"""Resolving a recipe's inputs to the files that its run will fetch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ogdc_shared.errors import ConfigurationError, InputNotFoundError
from ogdc_shared.plan import Checksum, InputFile, VolumeInput
from ogdc_shared.recipe.input_models import DataOneInput, FileInput, PvcMountInput, UrlInput, UrlListInput
from ogdc_shared.recipe.recipe import Recipe
from ogdc_shared.recipe.side_files import side_file
from ogdc_shared.recipe.urls import http_url, read_url_list
from ogdc_shared.statuses import PASSING

if TYPE_CHECKING:
    import urllib3

    from ogdc_shared.reach import IPNetwork, Reach
    from ogdc_shared.recipe.input_models import InputParam
    from ogdc_shared.servers.credentials import Credentials
    from ogdc_shared.servers.web import Web

_TIMEOUT = 30.0
"""Seconds for one answer of a node."""
_AT_ONCE = 8
_MAX_PROBLEMS = 20
_TRIES = 3


def resolve_inputs(
    recipe: Recipe,
    *,
    dataone_node_url: str | None,
    networks: Sequence[IPNetwork] | None = None,
    credentials: Callable[[], Credentials] | None = None,
) -> Iterator[InputFile]:
    """Yield every input file of a recipe in the order of its parameters, without keeping them in memory.

    Only DataONE is contacted; whether a URL can be fetched is found out when the worker fetches it.
    Files on volumes are not included: see `volume_inputs`.

    Args:
        recipe: The recipe.
        dataone_node_url: Base URL of the DataONE node.
        networks: Non-public networks that the node's redirects may lead to, or None for any.
        credentials: Returns the credentials for the node, called only if the recipe has DataONE inputs;
            None for anonymous requests.

    Raises:
        InputNotFoundError: a DataONE package is unknown, or has no matching file.
        SourceUnavailableError: the DataONE node does not answer.
        ConfigurationError: the recipe needs DataONE and no node is configured.
    """
    for position, param in enumerate(recipe.meta.input.params):
        key = f"input.params[{position}]"
        if isinstance(param, DataOneInput):
            yield from _dataone_files(
                param, key=key, node_url=dataone_node_url, networks=networks, credentials=credentials
            )
        else:
            yield from _files(recipe, param, key=key)


def volume_inputs(recipe: Recipe) -> tuple[VolumeInput, ...]:
    """Return where on volumes a recipe's inputs are; which files there are, only a task can see."""
    return tuple(
        VolumeInput(claim=param.claim_name, path=param.path.strip("/"), glob=param.glob)
        for param in recipe.meta.input.params
        if isinstance(param, PvcMountInput)
    )


def _files(recipe: Recipe, param: InputParam, *, key: str) -> Iterator[InputFile]:
    if isinstance(param, UrlInput):
        yield InputFile(
            source=http_url(param.value),
            name=param.name,
            directory=param.directory,
            checksum=_checksum(param.checksum),
        )
    elif isinstance(param, UrlListInput):
        path = side_file(recipe.directory, f"{key}.file", param.file)
        urls = (url for _, url in read_url_list(path))
        yield from (InputFile(source=http_url(url), directory=param.directory) for url in urls)
    elif isinstance(param, FileInput):
        path = side_file(recipe.directory, f"{key}.path", param.path)
        name = param.name or PurePosixPath(param.path).name
        size = os.stat(path).st_size  # noqa: PTH116
        yield InputFile(param.path, kind="recipe", name=name, directory=param.directory, size=size)


def _checksum(text: str | None) -> Checksum | None:
    if text is None:
        return None
    algorithm, _, digits = text.lower().partition(":")
    return Checksum(algorithm, digits)


def _below(directory: str | None, file: InputFile) -> InputFile:
    """Put a package's file, which may have a directory of its own, below the recipe's."""
    if directory is None:
        return file
    return file._replace(directory=f"{directory}/{file.directory}" if file.directory else directory)


def _dataone_files(
    param: DataOneInput,
    *,
    key: str,
    node_url: str | None,
    networks: Sequence[IPNetwork] | None,
    credentials: Callable[[], Credentials] | None,
) -> Iterator[InputFile]:
    if node_url is None:
        raise ConfigurationError(f"meta.yml: {key} is a DataONE package, but DATAONE_NODE_URL is not set.")
    try:
        for file in dataset_files(
            param.dataset_identifier,
            filename=param.filename,
            node_url=node_url,
            networks=networks,
            credentials=credentials,
        ):
            yield _below(param.directory, file)
    except InputNotFoundError as exc:
        raise InputNotFoundError(f"meta.yml: {key}: {exc}") from exc


def dataset_files(
    identifier: str,
    *,
    filename: str | None = None,
    node_url: str,
    networks: Sequence[IPNetwork] | None,
    credentials: Callable[[], Credentials] | None,
) -> Iterator[InputFile]:
    """Yield the files of a DataONE package, of a series those of the newest; see `resolve_inputs`.

    Raises:
        InputNotFoundError: it is unknown, or has no file of such a name.
        SourceUnavailableError: the node does not answer.
    """
    from ogdc_shared.inputs.dataone import resolve_dataset

    known = credentials() if credentials else None
    login = known.authorization(node_url, asked=node_url, encrypted=False) if known else None
    with _http(_reach(node_url, networks), login) as http:
        yield from resolve_dataset(node_url, identifier, filename=filename, http=http)


def check_reachable(files: Iterable[InputFile], *, credentials: Credentials | None = None) -> None:
    """Ask the HTTP servers, in parallel, whether they have the files; other inputs are not checked.

    Args:
        files: The inputs.
        credentials: The credentials to send, or None for anonymous requests.

    Raises:
        InputNotFoundError: some files are not available; the message lists the first twenty.
    """
    from concurrent.futures import ThreadPoolExecutor

    from ogdc_shared.servers.web import Web

    web = Web(threads=_AT_ONCE, credentials=credentials)
    urls = (
        file.source for file in files if file.kind == "url" and not file.source.lower().startswith("ftp:")
    )
    problems: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while len(problems) < _MAX_PROBLEMS and (batch := list(islice(urls, 8 * _AT_ONCE))):
            found = threads.map(lambda url: _unreachable(url, web=web), batch)
            problems += [problem for problem in found if problem]
    if problems:
        raise InputNotFoundError("\n".join(problems[:_MAX_PROBLEMS]))


def _unreachable(url: str, *, web: Web) -> str | None:
    """Return why a file is not available, or None if it is; transient failures are retried once."""
    from ogdc_shared.servers.response import InterruptedFetchError

    problem = None
    for _ in range(_TRIES):
        try:
            web.check(url)
        except InputNotFoundError as exc:
            return str(exc)
        except InterruptedFetchError as exc:
            problem = f"{url}: cannot be reached ({exc}); check the server's name, or try again later."
        else:
            return None
    return problem


def _reach(node_url: str, networks: Sequence[IPNetwork] | None) -> Reach:
    """Where asking a node may lead: to the node, which the operator named, and wherever that is allowed."""
    from ogdc_shared.reach import Reach

    host = (urlsplit(node_url).hostname or "").lower()
    return Reach(anywhere=networks is None, networks=tuple(networks or ()), hosts=frozenset({host}))


def _http(reach: Reach, login: str | None) -> urllib3.PoolManager:
    """Make what a node is asked by; urllib3 keeps the login from hosts that a redirect leads to."""
    import urllib3

    from ogdc_shared.connections import pool_manager

    return pool_manager(
        reach,
        headers={"Authorization": login} if login else None,
        maxsize=_AT_ONCE,
        timeout=_TIMEOUT,
        retries=urllib3.Retry(
            total=3,
            backoff_factor=0.3,
            status_forcelist=PASSING,
            raise_on_status=False,
            respect_retry_after_header=False,  # somebody waits for the answer
        ),
    )
