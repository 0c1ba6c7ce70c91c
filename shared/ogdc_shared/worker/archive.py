"""The zip that a recipe with `output: temporary` leaves."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING

from ogdc_shared.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIECE = 1 << 20
_SAMPLE = 1 << 18


def write_zip(path: str, members: Mapping[str, str]) -> None:
    """Write a zip, which is there whole or not at all.

    The same files give the same bytes: members come in the order of their names, with the files' own times.

    Args:
        path: Where to.
        members: Name in the zip → file, directory or link. Links stay links.

    Raises:
        PublishError: a name cannot stand in a zip.
    """
    part = f"{path}.part"
    with zipfile.ZipFile(part, "w", compresslevel=1) as archive:
        for name in sorted(members):
            try:
                _add(archive, name, members[name])
            except UnicodeEncodeError as exc:
                raise PublishError(
                    f"The name {name!r} is not UTF-8, so it cannot stand in a zip. Rename it."
                ) from exc
    os.rename(part, path)


def _add(archive: zipfile.ZipFile, name: str, path: str) -> None:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        link = zipfile.ZipInfo(name)
        link.external_attr = mode << 16
        archive.writestr(link, os.readlink(path))
        return
    member = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
    if member.is_dir():
        archive.writestr(member, b"")
        return
    with open(path, "rb") as file:
        member.compress_type = _compression(file.read(_SAMPLE))
        file.seek(0)
        with archive.open(member, "w") as target:
            shutil.copyfileobj(file, target, _PIECE)


def _compression(sample: bytes) -> int:
    """Leave alone what is compressed already, as most rasters are: deflating it takes long for nothing."""
    shrinks = len(zlib.compress(sample, 1)) < 0.9 * len(sample)
    return zipfile.ZIP_DEFLATED if shrinks else zipfile.ZIP_STORED
