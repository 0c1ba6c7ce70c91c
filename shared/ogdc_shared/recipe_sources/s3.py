"""Recipes in an S3 bucket.

They are read with the process's own AWS credentials if it has any (AWS_* in the environment, a profile, an
instance role), otherwise unsigned. The artifact store's key is never used for a location given by a caller;
only `storage.uploads` passes a client that has it, for buckets that the operator lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from boto3.session import Session
from botocore.exceptions import ClientError

from ogdc_shared.errors import InvalidRequestError, RecipeNotFoundError, SourceUnavailableError
from ogdc_shared.recipe_sources.source import CHUNK_BYTES, Budget, RemoteFile
from ogdc_shared.storage.s3 import NOT_FOUND, REFUSED, TRANSFER_ERRORS, connect

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class ListedObject(NamedTuple):
    """An object of a bucket."""

    key: str
    etag: str
    size: int
    """Bytes."""


class S3Source:
    """`s3://BUCKET/KEY` of an archive, or `s3://BUCKET/PREFIX` of a directory."""

    def __init__(self, location: str, *, client: S3Client | None = None) -> None:
        """Store the location; no request is sent yet.

        Args:
            location: The URL of an archive or of a directory, as above.
            client: The client to use, or None for one with the process's own credentials.

        Raises:
            InvalidRequestError: the location names no bucket.
        """
        self._location = location
        self._bucket, _, key = location.removeprefix("s3://").partition("/")
        if not re.fullmatch(r"[a-zA-Z0-9._-]{3,255}", self._bucket):
            raise InvalidRequestError(f"{location}: give a bucket and a path, s3://BUCKET/PATH.")
        self.root = key.rstrip("/")
        self._client = client or _own_client()

    def files(self, budget: Budget) -> Iterator[RemoteFile]:
        """See `Source`."""
        prefix = f"{self.root}/" if self.root else ""
        pages = self._client.get_paginator("list_objects_v2")
        with self._errors():
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    budget.spend(files=1)
                    if not entry["Key"].endswith("/"):
                        yield RemoteFile(entry["Key"].removeprefix(prefix), entry["Key"])

    def objects(self, prefix: str, *, most: int) -> Iterator[ListedObject]:
        """List the objects below a prefix of the bucket, in the order of their keys.

        Raises:
            InvalidRequestError: there are more than `most`.
            RecipeNotFoundError: the bucket does not exist or cannot be read.
            SourceUnavailableError: S3 does not answer.
        """
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        count = 0
        with self._errors():
            for page in pages:
                for entry in page.get("Contents", []):
                    count += 1
                    if count > most:
                        raise InvalidRequestError(
                            f"{self._location}: has more than {most:,} objects. Give a directory with fewer."
                        )
                    yield ListedObject(entry["Key"], entry["ETag"], entry["Size"])

    def read(self, locator: str) -> Iterator[bytes]:
        """See `Source`."""
        with self._errors():
            body = self._client.get_object(Bucket=self._bucket, Key=locator)["Body"]
            with body:
                yield from body.iter_chunks(CHUNK_BYTES)

    def close(self) -> None:
        """See `Source`."""
        self._client.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ClientError as exc:
            code = exc.response.get("Error", {}).get("Code", "unknown")
            if code in NOT_FOUND | REFUSED | {"NoSuchBucket"}:
                raise RecipeNotFoundError(
                    f"{self._location}: cannot be read ({code}). Check the address and its permissions."
                ) from exc
            raise SourceUnavailableError(f"{self._location}: S3 fails ({code}). Try again later.") from exc
        except TRANSFER_ERRORS as exc:
            raise SourceUnavailableError(
                f"{self._location}: S3 does not answer ({type(exc).__name__}). Try again later."
            ) from exc


def _own_client() -> S3Client:
    session = Session()
    return connect(session, endpoint=None, anonymous=session.get_credentials() is None)
