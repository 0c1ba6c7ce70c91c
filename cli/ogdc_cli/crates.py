"""Downloading the crates of runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.provenance.reading import unpack_crate

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient

_METADATA_SUFFIXES = (".json", ".jsonld")


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
