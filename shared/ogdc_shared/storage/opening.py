"""Choosing the artifact store of a deployment."""

from __future__ import annotations

from pathlib import Path

from ogdc_shared.config import StorageSettings
from ogdc_shared.storage.store import ArtifactStore


def open_store(settings: StorageSettings) -> ArtifactStore:
    """The store the settings ask for: a directory where they name one, else S3. Connects to nothing yet."""
    if settings.directory:
        from ogdc_shared.storage.directory import DirectoryStore

        return DirectoryStore(Path(settings.directory), url=settings.url, signing_key=settings.signing_key)
    from ogdc_shared.storage.s3 import S3Store

    return S3Store(settings)
