"""Whether what a trigger watches has changed, by what its servers say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ogdc_shared.errors import InputNotFoundError, SourceUnavailableError
from ogdc_shared.reach import Reach

if TYPE_CHECKING:
    from urllib3 import PoolManager

    from ogdc_shared.config import Settings

_SECONDS = 15.0


def validators_of(urls: Sequence[str], *, settings: Settings) -> dict[str, str]:
    """Ask for the state of each URL: its ETag, or when it was changed last and its size.

    Raises:
        InputNotFoundError: there is nothing, or its server tells neither.
        SourceUnavailableError: a server does not answer.
        ForbiddenError: it leads where services may not read.
    """
    if not urls:
        return {}
    import urllib3

    from ogdc_shared.connections import pool_manager

    reach = Reach(anywhere=settings.allow_local_recipes, networks=settings.allowed_networks)
    pool = pool_manager(reach, timeout=urllib3.Timeout(connect=_SECONDS, read=_SECONDS), retries=5)
    return {url: _validator(pool, url) for url in urls}


def _validator(pool: PoolManager, url: str) -> str:
    from urllib3.exceptions import HTTPError

    try:
        response = pool.request("HEAD", url, headers={"Accept-Encoding": "identity"})
    except (HTTPError, OSError) as exc:
        reason = type(getattr(exc, "reason", None) or exc).__name__
        raise SourceUnavailableError(f"{url}: its server does not answer ({reason}).") from exc
    if response.status >= 500 or response.status == 429:
        raise SourceUnavailableError(f"{url}: its server answers {response.status}.")
    if response.status != 200:
        raise InputNotFoundError(f"{url}: its server answers {response.status}. Check the address.")
    return _stated(url, response.headers)


def _stated(url: str, headers: Mapping[str, str]) -> str:
    if etag := headers.get("ETag"):
        return etag
    if modified := headers.get("Last-Modified"):
        return f"{modified} {headers.get('Content-Length', '')}".strip()
    raise InputNotFoundError(
        f"{url}: its server tells neither an ETag nor when it was changed last, so no change can be seen."
    )
