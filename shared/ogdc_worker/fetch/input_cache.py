"""Inputs that were fetched before, so that the tenth try at a command fetches nothing.

Only the container that fetches sees the cache; commands have copies, so nothing they do changes what the
next run finds. An entry is used when its server confirms it (ETag or Last-Modified), or when it has the
checksum that the recipe asks for; so a stale one is never used, and what nobody can confirm is never kept.

An entry is a directory, `<digest of the URL>/`, with `body` and `about.json`. It appears and goes by
renaming, and is opened as a directory once, so whoever reads it sees both of one state. A small body is not
waited for to reach the disk; its digest tells whether it did. The URL itself is not kept: it may hold a
password.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.removal import remove
from ogdc_worker.fetch.partial_file import SYNCED_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIN_FREE_SHARE, _MIN_FREE_BYTES = 0.1, 5 << 30
"""What of the disk is left to others, the less of both; what is beyond is not kept."""
ABANDONED_SECONDS = 86_400.0
"""After which something half made is nobody's any more."""

_BODY, _ABOUT, _DRAFT = "body", "about.json", ".draft-"
_COPIED_AT_ONCE = 1 << 30


class CacheEntry(NamedTuple):
    """A file that is kept; to be closed."""

    body: int
    """Its descriptor."""
    size: int
    etag: str
    modified: str
    name: str | None
    """What its server called it; None: nothing."""
    checksum: str = ""
    """Algorithm and digest, as `sha256:9f86…`; empty: an earlier version kept it."""

    def copy_to(self, path: str) -> None:
        """Write a copy; one that shares its blocks, where the file system can do that."""
        with open(path, "wb") as copy:
            copied = 0
            while copied < self.size:
                count = _copy(self.body, copy.fileno(), copied)
                if count == 0:
                    raise OSError(f"the cached file ends after {copied} of {self.size} bytes")
                copied += count
            if self.size >= SYNCED_BYTES:
                os.fsync(copy.fileno())

    def digest(self, algorithm: str) -> str:
        """Compute a checksum of it, in hex."""
        with open(os.dup(self.body), "rb") as body:
            body.seek(0)
            return hashlib.file_digest(body, algorithm).hexdigest()

    def close(self) -> None:
        """Let go of it."""
        os.close(self.body)


class InputCache:
    """A directory of entries of `limit` bytes at most, of which those used last are kept."""

    def __init__(self, directory: str, *, limit: int) -> None:
        """Look at nothing yet.

        Args:
            directory: Writable, and seen by nobody who might change what is in it.
            limit: Bytes.
        """
        self._directory = directory
        self._limit = limit
        self._total: int | None = None
        """Bytes of all entries and of those that are being made; None: nobody has counted."""
        self._under_way = 0
        self._lock = Lock()

    def find(self, url: str) -> CacheEntry | None:
        """Open what is kept of a URL; None: nothing, or something damaged."""
        place = self._place(url)
        try:
            entry = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            found = _opened(entry)
            with suppress(OSError):
                os.utime(_ABOUT, dir_fd=entry)
        except (OSError, ValueError, KeyError, TypeError):
            self._discard_damaged(place, entry)
            return None
        finally:
            os.close(entry)
        return found

    def keep(
        self, url: str, path: str, *, etag: str, modified: str, name: str | None, checksum: str = ""
    ) -> None:
        """Keep a copy of a file that was fetched, where there is room for it; a full disk is no error."""
        size = os.path.getsize(path)
        if not (etag or modified) or size > self._limit or not self._has_room(size):
            return
        draft = f"{self._directory}/{_DRAFT}{os.urandom(8).hex()}"
        about: dict[str, object] = {
            "size": size,
            "etag": etag,
            "modified": modified,
            "name": name,
            "checksum": checksum,
        }
        try:
            self._make_room(size)
            os.mkdir(draft)
            with open(path, "rb") as file:
                CacheEntry(file.fileno(), size, "", "", None).copy_to(f"{draft}/{_BODY}")
                about["sha256"] = _digest(file.fileno())
            with open(f"{draft}/{_ABOUT}", "w", encoding="utf-8") as text:
                json.dump(about, text)
            self._replace(self._place(url), draft)
        except OSError:
            with suppress(OSError):
                remove(draft)
        finally:
            with self._lock:
                self._under_way -= size

    def forget(self, url: str) -> None:
        """Remove what is kept of a URL."""
        with suppress(OSError):
            self._discard(self._place(url))

    def _place(self, url: str) -> str:
        return f"{self._directory}/{hashlib.sha256(url.encode(errors='surrogatepass')).hexdigest()}"

    def _replace(self, place: str, draft: str) -> None:
        with suppress(FileNotFoundError):
            self._discard(place)
        os.rename(draft, place)

    def _discard(self, place: str) -> None:
        """Take an entry out of sight at once, then remove it."""
        gone = f"{self._directory}/{_DRAFT}{os.urandom(8).hex()}"
        os.rename(place, gone)
        remove(gone)

    def _discard_damaged(self, place: str, entry: int) -> None:
        """Discard what could not be read, unless others have put another in its place meanwhile."""
        with suppress(OSError):
            if os.path.samestat(os.fstat(entry), os.stat(place)):
                self._discard(place)

    def _has_room(self, size: int) -> bool:
        disk = os.statvfs(self._directory)
        left = min(_MIN_FREE_SHARE * disk.f_blocks * disk.f_frsize, _MIN_FREE_BYTES)
        return disk.f_bavail * disk.f_frsize - size > left

    def _make_room(self, size: int) -> None:
        """Make room for `size` more bytes; entries are looked at first, and whenever there is too much."""
        with self._lock:
            self._under_way += size
            if self._total is None or self._total + size > self._limit:
                self._total = self._clear(self._under_way) + self._under_way
            else:
                self._total += size

    def _clear(self, size: int) -> int:
        """Remove what was used least recently until `size` more bytes fit, and what was left half made.

        Returns:
            How many bytes there are.
        """
        entries = sorted(self._entries())
        total = sum(kept for _, kept, _ in entries)
        for _, kept, place in entries:
            if total + size <= self._limit:
                break
            with suppress(OSError):
                self._discard(place)
            total -= kept
        return total

    def _entries(self) -> Iterator[tuple[float, int, str]]:
        """Yield of each entry when it was used last, its bytes and its place."""
        for name in os.listdir(self._directory):
            place = f"{self._directory}/{name}"
            with suppress(OSError):
                if not name.startswith(_DRAFT):
                    yield os.path.getmtime(f"{place}/{_ABOUT}"), os.path.getsize(f"{place}/{_BODY}"), place
                elif time.time() - os.path.getmtime(place) > ABANDONED_SECONDS:
                    remove(place)


def _opened(entry: int) -> CacheEntry:
    def within(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=entry)

    with open(_ABOUT, encoding="utf-8", opener=within) as text:
        about = json.load(text)
    body = within(_BODY, os.O_RDONLY)
    if os.fstat(body).st_size != about["size"] or about.get("sha256", "") not in {"", _digest(body)}:
        os.close(body)
        raise ValueError("the entry holds something else than it should")
    return CacheEntry(
        body, about["size"], about["etag"], about["modified"], about["name"], about.get("checksum", "")
    )


def _digest(body: int) -> str:
    """The SHA-256 of a small file, in hex; empty for one that was waited for to reach the disk."""
    size = os.fstat(body).st_size
    return hashlib.sha256(os.pread(body, size, 0)).hexdigest() if size < SYNCED_BYTES else ""


def _copy(source: int, target: int, offset: int) -> int:
    """Copy some bytes from `offset` on, in the kernel where it can; returns how many."""
    try:
        return os.copy_file_range(source, target, _COPIED_AT_ONCE, offset, offset)
    except OSError:
        return os.pwrite(target, os.pread(source, 1 << 20, offset), offset)
