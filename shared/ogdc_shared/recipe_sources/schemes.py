"""The source class for each URL scheme."""

from __future__ import annotations

from urllib.parse import urlsplit

from ogdc_shared.errors import InvalidRequestError, RecipeNotFoundError
from ogdc_shared.reach import Reach, checked_addresses
from ogdc_shared.recipe.forms import ARCHIVES
from ogdc_shared.recipe_sources.source import Source

SCHEMES = ("abfs", "az", "ftp", "gcs", "github", "gs", "hf")
"""Schemes handled by fsspec: remote ones only, since others give access to the machine it runs on."""
USER_NAMES_A_PLACE = ("abfs", "az", "github")
"""Schemes in which the part of a URL that stands for a user means something else."""


def open_source(location: str, reach: Reach) -> Source:
    """The source that reads `location`, which is not on this machine.

    Args:
        location: A URL of one of the schemes.
        reach: Where connections to a server that the location names may lead.

    Raises:
        InvalidRequestError: no source reads it.
        UnsupportedError: a package for it is not installed.
    """
    scheme, _, rest = location.partition("://")
    scheme = scheme.lower()
    location = f"{scheme}://{rest}"
    _refuse_secrets(location, scheme)
    if scheme in ("http", "https"):
        from ogdc_shared.recipe_sources.http import HttpSource

        return HttpSource(location, reach)
    if scheme == "s3":
        from ogdc_shared.recipe_sources.s3 import S3Source

        return S3Source(location)
    if scheme in SCHEMES:
        from ogdc_shared.recipe_sources.filesystem import FilesystemSource

        return FilesystemSource(checked_ftp(location, reach) if scheme == "ftp" else location)
    raise InvalidRequestError(
        f"{location}: {scheme}:// is not supported. Use github://ORGANISATION:REPOSITORY@REF/PATH, "
        f"s3://BUCKET/PATH, https:// or http:// (an archive, {', '.join(ARCHIVES)}, or a directory that the "
        f"server lists), or {', '.join(f'{name}://' for name in SCHEMES if name != 'github')}."
    )


def checked_ftp(location: str, reach: Reach) -> str:
    """Replace a server's name by the address that was checked, because fsspec would look the name up again.

    The other schemes have servers of their own.

    Raises:
        ForbiddenError: the address is not a permitted one.
        RecipeNotFoundError: DNS does not know the name.
    """
    parts = urlsplit(location)
    try:
        address = checked_addresses(parts.hostname or "", parts.port, reach)[0]
    except OSError as exc:
        raise RecipeNotFoundError(
            f"{location}: the server does not exist (DNS does not know its name). Check the address."
        ) from exc
    host = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def _refuse_secrets(location: str, scheme: str) -> None:
    """A location is kept in the record and shown to others, so it may not hold a password."""
    try:
        netloc = urlsplit(location).netloc
    except ValueError as exc:
        raise InvalidRequestError(f"{location}: is not a URL: {exc}.") from exc
    if "@" in netloc and scheme not in USER_NAMES_A_PLACE:
        raise InvalidRequestError(
            f"A {scheme}:// location may not contain a user name or password, because it is stored with "
            "the run. Give a location that needs none."
        )
