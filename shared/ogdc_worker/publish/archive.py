"""The zip of a recipe with `output: temporary`."""

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
"""1980-01-01 and 2107-12-31 in seconds since 1970: the range of times in a zip."""
_EXTENDED_TIMESTAMP = 0x5455


def write_zip(path: str, members: Mapping[str, str]) -> None:
    """Write a zip atomically.

    The same files give the same bytes: members are sorted by name, and have the files' own times.

    Args:
        path: The target.
        members: Name in the zip → file, directory or link. Links stay links; permissions and times are kept.

    Raises:
        PublishError: a name is not UTF-8.
    """
    part = f"{path}.part"
    with zipfile.ZipFile(part, "w", compresslevel=1) as archive:
        for name in sorted(members):
            try:
                _add(archive, name, members[name])
            except UnicodeEncodeError as exc:
                shown = os.fsencode(name).decode(errors="backslashreplace")
                raise PublishError(
                    f"The name '{shown}' is not UTF-8, so the file cannot be stored in a zip. Rename it."
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
    """Return the header of a file, directory or link: its type, permissions and time.

    A zip's own times are local, have a resolution of two seconds, and start in 1980. So the time is added in
    a second form, as `unzip` does.

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
    """Return the compression method for a file, judged by a sample; most rasters are compressed already."""
    shrinks = len(zlib.compress(sample, 1)) < 0.9 * len(sample)
    return zipfile.ZIP_DEFLATED if shrinks else zipfile.ZIP_STORED
