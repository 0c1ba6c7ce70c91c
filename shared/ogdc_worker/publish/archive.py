"""The zip that a recipe with `output: temporary` leaves."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

from ogdc_shared.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIECE = 1 << 20
_SAMPLE = 1 << 18
_DOS_DIRECTORY = 0x10
_EARLIEST, _LATEST = 315_532_800, 4_354_819_198
"""1980-01-01 and 2107-12-31, in seconds since 1970: what a zip can say."""
_EXTENDED_TIMESTAMP = 0x5455


def write_zip(path: str, members: Mapping[str, str]) -> None:
    """Write a zip, which is there whole or not at all.

    The same files give the same bytes: members come in the order of their names, with the files' own times.

    Args:
        path: Where to.
        members: Name in the zip → file, directory or link. Links stay links, permissions and times are kept.

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
    status = os.lstat(path)
    member = _member(name, status)
    if stat.S_ISLNK(status.st_mode):
        archive.writestr(member, os.readlink(path))
    elif member.is_dir():
        archive.writestr(member, b"")
    else:
        with open(path, "rb") as file:
            member.compress_type = _compression(file.read(_SAMPLE))
            file.seek(0)
            with archive.open(member, "w") as target:
                shutil.copyfileobj(file, target, _PIECE)


def _member(name: str, status: os.stat_result) -> zipfile.ZipInfo:
    """Describe a file, directory or link: its kind, its ordinary permissions and its time.

    A zip's own time is local to who knows where, even and from 1980 on; so the time follows as `unzip` writes
    it, too.

    Source: APPNOTE.TXT of zip 4.4.9 and 4.5.3; "Extended Timestamp Extra Field" of Info-ZIP.
    """
    is_directory = stat.S_ISDIR(status.st_mode)
    when = time.gmtime(min(max(status.st_mtime, _EARLIEST), _LATEST))
    member = zipfile.ZipInfo(f"{name}/" if is_directory else name, date_time=when[:6])
    member.external_attr = (stat.S_IFMT(status.st_mode) | status.st_mode & 0o777) << 16
    member.external_attr |= _DOS_DIRECTORY if is_directory else 0
    member.file_size = 0 if is_directory else status.st_size
    seconds = int(status.st_mtime)
    if 0 <= seconds < 1 << 31:
        member.extra = struct.pack("<HHBl", _EXTENDED_TIMESTAMP, 5, 1, seconds)
    return member


def _compression(sample: bytes) -> int:
    """Leave alone what is compressed already, as most rasters are: deflating it takes long for nothing."""
    shrinks = len(zlib.compress(sample, 1)) < 0.9 * len(sample)
    return zipfile.ZIP_DEFLATED if shrinks else zipfile.ZIP_STORED
