"""Detecting changes of what a trigger watches: a URL, a listing, a DataONE data set or a ref of a repository.

Each server is asked only for a validator that changes with the content.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ogdc_shared.errors import (
    InputNotFoundError,
    InvalidRequestError,
    SourceUnavailableError,
    UnsupportedError,
)
from ogdc_shared.reach import Reach

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

    from ogdc_shared.config import Settings
    from ogdc_shared.context import Context

_SECONDS = 15.0
_MAX_LISTING = 16 << 20
"""Bytes of a page that lists a directory."""
_MAX_OBJECTS = 100_000
_DATASET = "dataone:"
_BUCKET = "s3://"
_BUCKET_NAME = re.compile(r"[a-zA-Z0-9._-]{3,255}")
_REFS = ("github://", "git+https://", "git+http://")
FORMS = "s3://BUCKET/PREFIX, dataone:IDENTIFIER, github://OWNER:REPOSITORY@REF, git+https://HOST/PATH@REF"
"""What can be watched in addition to URLs."""


def check_form(place: str, *, settings: Settings) -> bool:
    """Whether a place has one of `FORMS`; checked without network access.

    Raises:
        InvalidRequestError: it has, but cannot be watched.
        UnsupportedError: this deployment cannot watch it.
    """
    if place.startswith(_REFS):
        from ogdc_shared.triggers.git_refs import read_location

        read_location(place)
    elif place.startswith(_BUCKET):
        _bucket_and_prefix(place, settings=settings)
    elif place.startswith(_DATASET):
        if not place.removeprefix(_DATASET).strip():
            raise InvalidRequestError(f"watched: {place!r} names no data set; give dataone:IDENTIFIER.")
        _node_url(settings)
    else:
        return False
    return True


def validators_of(context: Context, places: Sequence[str]) -> dict[str, str]:
    """Ask for the state of each place.

    Raises:
        InputNotFoundError: there is nothing, or its server does not say by what a change would be seen.
        SourceUnavailableError: a server does not answer.
        ForbiddenError: it leads where services may not read.
    """
    http = _http(context.settings)
    return {place: _validator(context, place, http) for place in places}


def _validator(context: Context, place: str, http: PoolManager) -> str:
    if place.startswith(_DATASET):
        return _of_dataset(context, place.removeprefix(_DATASET))
    if place.startswith(_BUCKET):
        return _of_listing(place, settings=context.settings)
    if place.startswith(_REFS):
        return _of_ref(place, http)
    return _of_url(place, http)


def _of_url(url: str, http: PoolManager) -> str:
    """Its ETag, or when it was changed and its size; of a directory's page without either, its content."""
    headers = _ask(http, "HEAD", url).headers
    if stated := _stated(headers):
        return stated
    if urlsplit(url).path.endswith("/"):
        return _digest([_content(_ask(http, "GET", url), url, most=_MAX_LISTING)])
    raise InputNotFoundError(
        f"{url}: its server sends neither ETag nor Last-Modified, so changes cannot be detected."
    )


def _stated(headers: Mapping[str, str]) -> str | None:
    if etag := headers.get("ETag"):
        return etag
    if modified := headers.get("Last-Modified"):
        return f"{modified} {headers.get('Content-Length', '')}".strip()
    return None


def _of_ref(location: str, http: PoolManager) -> str:
    """The commit that a ref points to."""
    from ogdc_shared.triggers.git_refs import MAX_BYTES, commit_of, read_location

    ref = read_location(location)
    return commit_of(ref, _content(_ask(http, "GET", ref.url), ref.repository, most=MAX_BYTES))


def _of_dataset(context: Context, identifier: str) -> str:
    """Which files a data set has, in the newest version of a series, and their checksums."""
    from ogdc_shared.inputs.resolve import dataset_files

    settings = context.settings
    files = dataset_files(
        identifier,
        node_url=_node_url(settings),
        networks=None if settings.allow_local_recipes else settings.allowed_networks,
        credentials=context.credentials,
    )
    return _digest(sorted(f"{file.source} {file.size} {file.checksum}".encode() for file in files))


def _node_url(settings: Settings) -> str:
    if settings.dataone_node_url is None:
        raise UnsupportedError("watched: DATAONE_NODE_URL is not set, so data sets cannot be watched.")
    return settings.dataone_node_url


def _of_listing(location: str, *, settings: Settings) -> str:
    """Which objects are below a prefix, their ETags and sizes."""
    from ogdc_shared.recipe_sources.s3 import S3Source
    from ogdc_shared.triggers.objects import store_client

    bucket, prefix = _bucket_and_prefix(location, settings=settings)
    client = store_client(settings) if bucket in settings.uploads.buckets else None
    source = S3Source(location, client=client)
    try:
        objects = source.objects(prefix, most=_MAX_OBJECTS)
        return _digest(f"{each.key} {each.etag} {each.size}".encode() for each in objects)
    finally:
        source.close()


def _bucket_and_prefix(location: str, *, settings: Settings) -> tuple[str, str]:
    bucket, _, prefix = location.removeprefix(_BUCKET).partition("/")
    if not _BUCKET_NAME.fullmatch(bucket):
        raise InvalidRequestError(f"watched: {location!r:.100} names no bucket; give s3://BUCKET/PREFIX.")
    if bucket == settings.storage.bucket:
        raise InvalidRequestError(
            f"watched: {bucket!r} is the artifact store's own bucket, which each run changes."
        )
    return bucket, prefix


def _digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8))
        found.update(part)
    return f"sha256:{found.hexdigest()}"


def _http(settings: Settings) -> PoolManager:
    import urllib3

    from ogdc_shared.connections import pool_manager

    reach = Reach(anywhere=settings.allow_local_recipes, networks=settings.allowed_networks)
    return pool_manager(reach, timeout=urllib3.Timeout(connect=_SECONDS, read=_SECONDS), retries=5)


def _ask(http: PoolManager, method: str, url: str) -> BaseHTTPResponse:
    from urllib3.exceptions import HTTPError

    asked: dict[str, Any] = {"headers": {"Accept-Encoding": "identity"}, "preload_content": method == "HEAD"}
    try:
        response = http.request(method, url, **asked)
    except (HTTPError, OSError) as exc:
        raise _away(url, exc) from exc
    if response.status >= 500 or response.status == 429:
        raise SourceUnavailableError(f"{url}: its server answers {response.status}.")
    if response.status != 200:
        raise InputNotFoundError(f"{url}: its server answers {response.status}. Check the address.")
    return response


def _content(response: BaseHTTPResponse, url: str, *, most: int) -> bytes:
    from urllib3.exceptions import HTTPError

    try:
        content = response.read(most + 1)
    except (HTTPError, OSError) as exc:
        raise _away(url, exc) from exc
    finally:
        response.close()
    if len(content) > most:
        raise InputNotFoundError(f"{url}: is more than {most >> 20} MiB, the limit for watching.")
    return content


def _away(url: str, exc: Exception) -> SourceUnavailableError:
    reason = type(getattr(exc, "reason", None) or exc).__name__
    return SourceUnavailableError(f"{url}: its server does not answer ({reason}).")
