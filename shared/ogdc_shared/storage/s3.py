"""The artifact store of a deployment: a bucket of any S3-compatible service.

The only module that imports boto3, whose import takes longer than the rest of a service's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from boto3.session import Session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from s3transfer.exceptions import RetriesExceededError

from ogdc_shared.config import StorageSettings
from ogdc_shared.errors import ConfigurationError, OgdcError, StorageUnavailableError
from ogdc_shared.storage.files import disk_errors, replacing
from ogdc_shared.storage.store import (
    PIECE_BYTES,
    Artifact,
    ArtifactNotFoundError,
    check_key,
    check_prefix,
    replaced_meanwhile,
    several_at_once,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

MAX_LINK_SECONDS = 7 * 86_400
"""Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters", X-Amz-Expires."""
NOT_FOUND = frozenset({"404", "NoSuchKey", "NotFound"})
REFUSED = frozenset(
    {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled"}
)
TRANSFER_ERRORS = (BotoCoreError, Boto3Error, RetriesExceededError)
"""What boto3 raises where the service did not answer, or not to the end."""


class S3Store:
    """Keeps each artifact as an object of `settings.bucket`."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._bucket = settings.bucket

    def put(self, key: str, data: bytes | Path) -> None:
        """See `ArtifactStore`."""
        check_key(key)
        if isinstance(data, bytes):
            with self._errors(key):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=data)
        else:
            with data.open("rb") as source, self._errors(key):
                self._client.upload_fileobj(source, self._bucket, key)

    def put_all(self, artifacts: Iterable[tuple[str, bytes | Path]]) -> None:
        """See `ArtifactStore`."""
        several_at_once(lambda artifact: self.put(*artifact), artifacts)

    def get(self, key: str, *, first: int | None = None) -> bytes:
        """See `ArtifactStore`."""
        with self._errors(check_key(key)):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            try:
                return body.read(first)
            finally:
                body.close()

    def fetch(self, key: str, into: Path) -> None:
        """See `ArtifactStore`."""
        with self._errors(check_key(key)), disk_errors(f"artifact {key!r}"), replacing(into) as target:
            self._client.download_fileobj(self._bucket, key, target)

    def size(self, key: str) -> int | None:
        """See `ArtifactStore`."""
        described = self.describe(key)
        return None if described is None else described.size

    def describe(self, key: str) -> Artifact | None:
        """See `ArtifactStore`."""
        try:
            with self._errors(check_key(key)):
                head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ArtifactNotFoundError:
            return None
        return Artifact(head["ContentLength"], head["ETag"])

    def read(self, key: str, artifact: Artifact, begin: int, end: int) -> Iterator[bytes]:
        """See `ArtifactStore`."""
        if begin >= end:
            return
        with self._errors(check_key(key)):
            body = self._client.get_object(
                Bucket=self._bucket, Key=key, Range=f"bytes={begin}-{end - 1}", IfMatch=artifact.etag
            )["Body"]
            try:
                yield from body.iter_chunks(PIECE_BYTES)
            finally:
                body.close()

    def delete_prefix(self, prefix: str) -> None:
        """See `ArtifactStore`."""
        with self._errors(check_prefix(prefix)):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                self._delete([{"Key": entry["Key"]} for entry in page.get("Contents", [])])

    def link(self, key: str, *, seconds: int) -> str:
        """See `ArtifactStore`; no link is good for longer than seven days."""
        with self._errors(check_key(key)):
            return self._public_client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": key},
                ExpiresIn=min(seconds, MAX_LINK_SECONDS),
            )

    def _delete(self, objects: list[ObjectIdentifierTypeDef]) -> None:
        if not objects:
            return
        answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        for error in answer.get("Errors", []):
            raise StorageUnavailableError(
                f"Artifact {error.get('Key')!r} cannot be deleted: {error.get('Code')}. Try again later."
            )

    @cached_property
    def _client(self) -> S3Client:
        return self._connect(self._settings.internal_endpoint)

    @cached_property
    def _public_client(self) -> S3Client:
        # The signature covers the host name, so links are signed for the one they are used with.
        return self._connect(self._settings.public_endpoint or self._settings.internal_endpoint)

    def _connect(self, endpoint: str | None) -> S3Client:
        session = Session(
            aws_access_key_id=self._settings.access_key, aws_secret_access_key=self._settings.secret_key
        )
        return connect(session, endpoint=endpoint)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as exc:
            raise self._refusal(key, exc.response.get("Error", {}).get("Code", "unknown")) from exc
        except (NoCredentialsError, PartialCredentialsError) as exc:
            raise ConfigurationError(
                "There are no credentials for the object store: set S3_SECRET_KEY_ID and S3_SECRET_KEY_KEY."
            ) from exc
        except TRANSFER_ERRORS as exc:
            raise StorageUnavailableError(
                f"The object store did not answer about {key!r} ({type(exc).__name__}). Try again later."
            ) from exc

    def _refusal(self, key: str, code: str) -> OgdcError:
        if code in NOT_FOUND:
            return ArtifactNotFoundError(key)
        if code in {"412", "PreconditionFailed", "416", "InvalidRange"}:
            return replaced_meanwhile(key)
        if code == "NoSuchBucket":
            return ConfigurationError(
                f"OGDC_S3_BUCKET={self._bucket!r}: the object store has no bucket with this name."
            )
        if code in REFUSED:
            return ConfigurationError(
                f"The object store refuses artifact {key!r} of bucket {self._bucket!r} ({code}): "
                "check S3_SECRET_KEY_ID, S3_SECRET_KEY_KEY and what they may do."
            )
        return StorageUnavailableError(
            f"The object store failed on artifact {key!r} ({code}). Try again later."
        )


def connect(session: Session, *, endpoint: str | None, anonymous: bool = False) -> S3Client:
    """Create a client with limited timeouts and retries.

    Args:
        session: The session with our credentials.
        endpoint: Base URL of an S3-compatible service, or None for AWS_ENDPOINT_URL_S3, else Amazon's own.
        anonymous: Whether to send unsigned requests, as for public buckets.

    Raises:
        ConfigurationError: the endpoint is not a URL.
    """
    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 3},
        signature_version=UNSIGNED if anonymous else "s3v4",
        # Few services but Amazon's know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = session.region_name or "us-east-1"
    try:
        client: S3Client = session.client("s3", endpoint_url=endpoint, region_name=region, config=config)
    except ValueError as exc:
        raise ConfigurationError(f"{endpoint!r} is not the URL of an object store: {exc}.") from exc
    return client
