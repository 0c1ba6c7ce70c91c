"""What a container that fetches inputs gets in addition: the user's credentials and the input cache.

Commands never see either, because they run in a separate container afterwards (see `Pods`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ogdc_local.engine.safe_paths import safe_directory
from ogdc_local.sandbox import Container, Mount
from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.layout import CACHE_LIMIT, CACHE_PATH, CREDENTIALS_PATH
from ogdc_shared.removal import empty

CREDENTIALS = "credentials"


class Fetching(NamedTuple):
    """The credentials and the cache on this machine."""

    logins: Callable[[], Mapping[str, bytes]] = dict
    """Returns the files of `worker.credentials`."""
    cache: Path | None = None
    """Directory of the input cache, or None."""
    limit: int = 0
    """Size limit of the cache, in bytes."""

    def equipped(self, container: Container, *, directory: Path, owner: int | None) -> Container:
        """Return a container with credentials and cache mounted.

        Args:
            container: The container of the template.
            directory: The pod's private directory.
            owner: The uid that the container runs as, or None for the engine's own.

        Raises:
            OSError: a directory or file cannot be created.
        """
        mounts = [*container.mounts]
        if logins := self.logins():
            place = staged(logins, directory, CREDENTIALS, owner)
            mounts.append(Mount(place, CREDENTIALS_PATH, writable=False))
        if self.cache is None or not self.limit:
            return container._replace(mounts=tuple(mounts))
        mounts.append(Mount(safe_directory(self.cache.parent, self.cache.name, owner=owner), CACHE_PATH))
        env = {**container.env, CACHE_LIMIT: str(self.limit)}
        return container._replace(mounts=tuple(mounts), env=env)


NOTHING_BESIDES = Fetching()


def no_secret(name: str) -> Mapping[str, str]:
    """Reject a request for a secret, where no secrets are configured.

    Raises:
        InputNotFoundError: always.
    """
    raise InputNotFoundError(f"workflow.secrets: there is no secret {name!r} here.")


def staged(files: Mapping[str, bytes], directory: Path, name: str, owner: int | None) -> Path:
    """Write files that only the container's user may read to the directory `name` in a pod's directory."""
    place = safe_directory(directory, name, owner=owner)
    empty(place)
    for file_name, content in files.items():
        descriptor = os.open(place / file_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if owner is not None:
                os.fchown(file.fileno(), owner, owner)
    return place
