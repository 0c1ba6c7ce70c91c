"""A cache of fetched inputs, so that repeated runs of a recipe do not fetch them again.

Only the container that fetches sees the cache. Commands get copies, so they cannot change what the next run
finds. An entry is used only if its server confirms it (ETag or Last-Modified), or if it has the checksum that
the recipe gives. What nobody can confirm is not stored.

An entry is a directory, `<digest of the URL>/`, with `body` and `about.json`. It is created and deleted by
renaming, and readers open the directory once, so they see both files in the same state. Small bodies are not
flushed to disk; a digest detects those that were lost in a crash. The URL itself is not stored, because it
may contain a password.
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
"""Free disk space that the cache leaves to others: the smaller of the two."""
ABANDONED_SECONDS = 86_400.0
"""Age in seconds after which an unfinished entry is considered abandoned."""

_BODY, _ABOUT, _DRAFT = "body", "about.json", ".draft-"
_COPIED_AT_ONCE = 1 << 30


class CacheEntry(NamedTuple):
    """An open cache entry; the caller closes it."""

    body: int
    """Descriptor of the body."""
    size: int
    etag: str
    modified: str
    name: str | None
    """Name from the server's response, or None."""
    checksum: str = ""
    """Such as `sha256:9f86…`; empty in entries of older versions."""

    def copy_to(self, path: str) -> None:
        """Write a copy; it shares the blocks on disk if the file system supports that.

        Raises:
            OSError: it cannot be written, or the entry is shorter than recorded.
        """
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
        """Return a checksum of the body, in hex."""
        with open(os.dup(self.body), "rb") as body:
            body.seek(0)
            return hashlib.file_digest(body, algorithm).hexdigest()

    def close(self) -> None:
        """Close the body."""
        os.close(self.body)


class InputCache:
    """A directory of at most `limit` bytes of entries; the least recently used ones are removed first."""

    def __init__(self, directory: str, *, limit: int) -> None:
        """Configure the cache; nothing is read yet.

        Args:
            directory: Writable, and inaccessible to anybody who might change its content.
            limit: Bytes.
        """
        self._directory = directory
        self._limit = limit
        self._total: int | None = None
        """Bytes of all entries, including unfinished ones; None before they have been counted."""
        self._under_way = 0
        self._lock = Lock()

    def find(self, url: str) -> CacheEntry | None:
        """Open the entry of a URL; None if there is none or it is damaged."""
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
        """Store a copy of a fetched file if there is room for it; a full disk is not an error."""
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
        """Remove the entry of a URL."""
        with suppress(OSError):
            self._discard(self._place(url))

    def _place(self, url: str) -> str:
        return f"{self._directory}/{hashlib.sha256(url.encode(errors='surrogatepass')).hexdigest()}"

    def _replace(self, place: str, draft: str) -> None:
        with suppress(FileNotFoundError):
            self._discard(place)
        os.rename(draft, place)

    def _discard(self, place: str) -> None:
        """Remove an entry, atomically for readers."""
        gone = f"{self._directory}/{_DRAFT}{os.urandom(8).hex()}"
        os.rename(place, gone)
        remove(gone)

    def _discard_damaged(self, place: str, entry: int) -> None:
        """Remove an entry that could not be read, unless another process has replaced it meanwhile."""
        with suppress(OSError):
            if os.path.samestat(os.fstat(entry), os.stat(place)):
                self._discard(place)

    def _has_room(self, size: int) -> bool:
        disk = os.statvfs(self._directory)
        left = min(_MIN_FREE_SHARE * disk.f_blocks * disk.f_frsize, _MIN_FREE_BYTES)
        return disk.f_bavail * disk.f_frsize - size > left

    def _make_room(self, size: int) -> None:
        """Reserve room for `size` more bytes; (re)count the entries if unknown or if the limit is reached."""
        with self._lock:
            self._under_way += size
            if self._total is None or self._total + size > self._limit:
                self._total = self._clear(self._under_way) + self._under_way
            else:
                self._total += size

    def _clear(self, size: int) -> int:
        """Remove the least recently used entries until `size` more bytes fit, and abandoned drafts.

        Returns:
            Bytes of the remaining entries.
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
        """Yield the time of last use, the bytes and the path of each entry."""
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
    """Return the SHA-256 of a small file in hex, or an empty string for a large one, which was flushed."""
    size = os.fstat(body).st_size
    return hashlib.sha256(os.pread(body, size, 0)).hexdigest() if size < SYNCED_BYTES else ""


def _copy(source: int, target: int, offset: int) -> int:
    """Copy bytes from `offset`, in the kernel if possible; returns how many were copied."""
    try:
        return os.copy_file_range(source, target, _COPIED_AT_ONCE, offset, offset)
    except OSError:
        return os.pwrite(target, os.pread(source, 1 << 20, offset), offset)
