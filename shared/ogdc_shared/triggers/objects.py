"""Reading an uploaded object: as a link for a run, or as the recipe itself.

Buckets that the operator lists (OGDC_UPLOAD_BUCKETS) belong to the artifact store's service and are read
with its key: a run gets a link signed for one object, so a recipe's commands never see a key. Of other
buckets only public objects are read.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from ogdc_shared.errors import ConfigurationError, InvalidRecipeError, UnsupportedError
from ogdc_shared.recipe.forms import META_FILE, is_archive

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from ogdc_shared.config import Settings
    from ogdc_shared.triggers.notifications import ObjectCreated

SPARE_SECONDS = 86_400
"""How long a link is good beyond the time a workflow may take: the run may wait before it begins."""

_REGION = re.compile(r"[a-z0-9-]{1,40}")


def object_url(upload: ObjectCreated, *, settings: Settings, base_url: str | None) -> str:
    """Return the URL from which a run fetches an uploaded object, in the uploaded version if possible.

    A signed URL is valid for the maximum duration of a workflow and one more day, but at most the seven days
    that S3 allows.

    Args:
        upload: The object.
        settings: The deployment's settings.
        base_url: The trigger's base URL of the bucket, or None for the store's own.

    Raises:
        UnsupportedError: it is not known how to read from the bucket.
        ConfigurationError: the deployment has no key for the artifact store.
    """
    if upload.bucket in settings.uploads.buckets:
        return _signed(upload, settings)
    base = base_url or _public_base(upload)
    if base is None:
        raise UnsupportedError(
            f"The address of bucket {upload.bucket!r} is not known. Give the trigger a base "
            "URL, or ask the operator to add the bucket to OGDC_UPLOAD_BUCKETS."
        )
    url = f"{base}/{quote(upload.key)}"
    parameter = "generation" if upload.store == "google" else "versionId"
    return url if upload.version is None else f"{url}?{urlencode({parameter: upload.version})}"


def is_recipe(key: str) -> bool:
    """Whether a key is that of a recipe: an archive, or the `meta.yml` of a directory."""
    return is_archive(key) or key.rpartition("/")[2] == META_FILE


def recipe_location(upload: ObjectCreated, *, base_url: str | None = None) -> str:
    """Return the location (see `recipe_sources.staging`) of the recipe of an uploaded archive or `meta.yml`.

    Args:
        upload: The archive or `meta.yml`.
        base_url: Base URL of the bucket over HTTP, or None to read from the bucket.

    Raises:
        InvalidRecipeError: a `meta.yml` is at a bucket's root, so that the recipe would be the whole bucket.
    """
    key = upload.key if is_archive(upload.key) else upload.key.rpartition("/")[0]
    if not key:
        raise InvalidRecipeError(
            f"{META_FILE}: put the recipe into a directory, not into the root of the bucket."
        )
    if base_url:
        return f"{base_url}/{quote(key)}" + ("" if key == upload.key else "/")
    return f"{'gs' if upload.store == 'google' else 's3'}://{upload.bucket}/{key}"


def recipe_bundle(upload: ObjectCreated, *, settings: Settings) -> bytes | None:
    """Read an uploaded recipe with the artifact store's key; None if it is publicly readable.

    Raises:
        RecipeNotFoundError: it no longer exists.
        SourceUnavailableError: the store does not respond.
        InvalidRecipeError: it is not a recipe.
    """
    if upload.bucket not in settings.uploads.buckets:
        return None
    from ogdc_shared.recipe.bundle import pack
    from ogdc_shared.recipe_sources.s3 import S3Source
    from ogdc_shared.recipe_sources.staging import stage_source

    location = recipe_location(upload)
    with TemporaryDirectory(prefix="ogdc-upload-") as scratch:
        source = S3Source(location, client=store_client(settings))
        return pack(stage_source(source, location, Path(scratch)))


def _public_base(upload: ObjectCreated) -> str | None:
    """Source: Amazon S3 User Guide, "Virtual hosting of buckets"; Cloud Storage, "Request endpoints"."""
    if upload.store == "google":
        return f"https://storage.googleapis.com/{quote(upload.bucket)}"
    if upload.store != "aws":
        return None
    region = upload.region if upload.region and _REGION.fullmatch(upload.region) else None
    host = f"s3.{region}.amazonaws.com" if region else "s3.amazonaws.com"
    return f"https://{host}/{quote(upload.bucket)}"


def _signed(upload: ObjectCreated, settings: Settings) -> str:
    from ogdc_shared.storage.s3 import MAX_LINK_SECONDS

    which = {"Bucket": upload.bucket, "Key": upload.key}
    if upload.version is not None:
        which["VersionId"] = upload.version
    seconds = min(settings.worker.timeout + SPARE_SECONDS, MAX_LINK_SECONDS)
    return store_client(settings).generate_presigned_url("get_object", Params=which, ExpiresIn=seconds)


def store_client(settings: Settings) -> S3Client:
    """Return a client that has the artifact store's key, at the address the tasks reach it.

    Raises:
        ConfigurationError: the deployment has no such key.
    """
    from boto3.session import Session

    from ogdc_shared.storage.s3 import connect

    storage = settings.storage
    if not storage.access_key or not storage.secret_key:
        raise ConfigurationError(
            "OGDC_UPLOAD_BUCKETS needs the artifact store's key: set S3_SECRET_KEY_ID and S3_SECRET_KEY_KEY."
        )
    session = Session(aws_access_key_id=storage.access_key, aws_secret_access_key=storage.secret_key)
    return connect(session, endpoint=storage.internal_endpoint)
