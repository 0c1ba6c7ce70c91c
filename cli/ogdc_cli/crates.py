"""Crates on this machine: fetching those of runs."""

from __future__ import annotations

import shutil
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from ogdc_shared.errors import InvalidRequestError

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient

_METADATA_SUFFIXES = (".json", ".jsonld")
_MIN_FREE = 1 << 30
"""Bytes that are left to others."""


def fetch_crate(client: ApiClient, name: str, target: Path) -> Path:
    """Fetch the crate of a run, which appears at `target` whole or not at all.

    Args:
        client: The deployment's.
        name: The run's.
        target: A .zip file, a .json file for the metadata alone, or a directory, which may be there if it is
            empty.

    Raises:
        ApiError: the deployment refuses or does not answer.
        InvalidRequestError: there is something in the directory.
        OSError: it cannot be written.
    """
    is_file = target.suffix.lower() in {".zip", *_METADATA_SUFFIXES}
    if not is_file and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidRequestError(f"{target} is there already; name a new directory, or a .zip file.")
    parent = target.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".provenance-") as scratch:
        fetched = Path(scratch, "fetched")
        client.save_provenance(name, fetched, metadata_alone=target.suffix.lower() in _METADATA_SUFFIXES)
        if is_file:
            return fetched.replace(target)
        unpack_crate(fetched, Path(scratch, "unpacked"))
        return Path(scratch, "unpacked").rename(target)


def unpack_crate(archive: Path, into: Path) -> None:
    """Unpack a crate; what leads out of it does not.

    Raises:
        InvalidRequestError: it is no zip, is damaged or encrypted, or there is no room for it.
    """
    into.mkdir()
    try:
        with ZipFile(archive) as crate:
            _check_room(sum(member.file_size for member in crate.infolist()), archive, into)
            crate.extractall(into)
    except (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as exc:
        raise InvalidRequestError(f"{archive} is no zip that can be read ({exc}).") from exc


def _check_room(size: int, archive: Path, into: Path) -> None:
    """Refuse what would fill the disk; no member gives more than it says."""
    free = shutil.disk_usage(into).free
    if size > free - _MIN_FREE:
        raise InvalidRequestError(
            f"{archive} holds {size:,} bytes, and {free:,} are free in {into.parent}. "
            "Make room, or name another disk (TMPDIR)."
        )
