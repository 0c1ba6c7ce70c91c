"""The file with stored logins, by URL of the deployment; a login is sent nowhere else.

It is readable only by its owner and replaced atomically under a lock. A keyring would lock out other
programs of the same user, and everybody without a desktop.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from ogdc_cli.client_variables import fits_header
from ogdc_cli.login.logins import Login
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.file_lock import lock_within
from ogdc_shared.open_flags import CREATE_FILE, READ_FILE

_MAX_BYTES = 1 << 20
_LOCK_SECONDS = 120.0
"""Longer than a provider that says nothing is waited for, twice."""


class Logins(msgspec.Struct, omit_defaults=True):
    """All that the file holds."""

    deployments: dict[str, Login] = {}
    """By `key_of` their URL."""
    access_token: str | None = None
    """Of the form of before, which does not say for which deployment; so is the refresh token."""
    refresh_token: str | None = None

    def bind(self, key: str) -> bool:
        """Assign tokens in the former format to a deployment without any; returns whether this was done."""
        if not (self.access_token or self.refresh_token) or key in self.deployments:
            return False
        self.deployments[key] = pasted(Login(), access=self.access_token, refresh=self.refresh_token)
        self.access_token = self.refresh_token = None
        return True


def pasted(login: Login, *, access: str | None, refresh: str | None) -> Login:
    """Return a login with pasted tokens; None keeps the previous one."""
    if access is None:
        return msgspec.structs.replace(login, refresh_token=refresh or login.refresh_token)
    fresh = Login(refresh_token=login.refresh_token if login.issuer is None else None)
    return fresh.with_access(access, refresh_token=refresh, expires_in=None)


class Change(NamedTuple):
    """The stored logins while they are being changed."""

    logins: Logins
    keep: Callable[[], None]
    """Replaces the file by `logins`, in one step; once."""


class LoginStore:
    """The token file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Logins:
        """Return the stored logins; empty without a file. Makes the file private if others could read it.

        Raises:
            ConfigurationError: it cannot be read, belongs to another user, or is a symbolic link.
        """
        return self._decoded(self._content())

    @contextmanager
    def changing(self, *, anew: bool = False) -> Iterator[Change]:
        """Yield the stored logins, locked for changes; only what is kept explicitly is changed.

        Args:
            anew: Whether to start empty if the file is malformed.

        Raises:
            ConfigurationError: it cannot be read or written, or another command holds the lock.
        """
        with self._locked():
            logins = self._decoded(self._content(), anew=anew)
            with self._draft() as draft:
                yield Change(logins, keep=lambda: self._replace(draft, logins))

    def _content(self) -> bytes:
        try:
            file = os.open(self.path, READ_FILE)
        except FileNotFoundError:
            return b""
        except OSError as exc:
            if self.path.is_symlink():
                raise _refusal(self.path, "is a symbolic link") from exc
            raise ConfigurationError(f"The token file {self.path} cannot be read: {exc.strerror}.") from exc
        with os.fdopen(file, "rb") as opened:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise _refusal(self.path, "is not a regular file")
            _check_owner(self.path, found)
            _check_directory(self.path)
            if stat.S_IMODE(found.st_mode) & 0o077:
                os.fchmod(file, 0o600)
            return opened.read(_MAX_BYTES)

    def _decoded(self, content: bytes, *, anew: bool = False) -> Logins:
        try:
            return _decoded(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            if anew:
                return Logins()
            raise ConfigurationError(
                f"The token file {self.path} cannot be read: {exc}. Run `ogdc-runner login` or `ogdc-runner "
                "set-token` to replace it."
            ) from exc

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock a file beside it; without a lock on file systems that do not support locks."""
        lock = self.path.with_name(f"{self.path.name}.lock")
        with _explained(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_directory(self.path)
            file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with suppress(OSError):
                if not lock_within(file, seconds=_LOCK_SECONDS):
                    raise ConfigurationError(
                        f"Another command has held {lock} for minutes. End it, or try again when it is done."
                    )
            yield
        finally:
            os.close(file)

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        """Create a private file with enough space for the new content.

        It is created before a provider is asked, since a renewed token that cannot be stored would be lost.
        """
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with _explained(self.path):
            for left in self.path.parent.iterdir():
                if left.name.startswith(f".{self.path.name}."):  # by a command that was killed
                    left.unlink(missing_ok=True)
            file = os.open(draft, CREATE_FILE, 0o600)
            try:
                os.write(file, b" " * (self._size() + (1 << 16)))
            except OSError:
                draft.unlink()
                raise
            finally:
                os.close(file)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _size(self) -> int:
        try:
            return min(self.path.stat().st_size, _MAX_BYTES)
        except FileNotFoundError:
            return 0

    def _replace(self, draft: Path, logins: Logins) -> None:
        with _explained(self.path), draft.open("r+b") as file:
            file.write(msgspec.json.format(msgspec.json.encode(logins), indent=2) + b"\n")
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
            draft.replace(self.path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        where = f" ({exc.filename})" if exc.filename else ""
        raise ConfigurationError(
            f"The token file {path} cannot be written: {exc.strerror or exc}{where}. TOKEN_CACHE_FILE can "
            "name another place."
        ) from exc


def _decoded(content: bytes) -> Logins:
    if not content or not isinstance(msgspec.json.decode(content), dict):
        return Logins()
    found = msgspec.json.decode(content, type=Logins)
    for token in (found.access_token, *(each.access_token for each in found.deployments.values())):
        if token is not None and not fits_header(token):
            raise msgspec.DecodeError("a token is empty or contains invalid characters")
    return found


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise _refusal(path, f"belongs to user id {found.st_uid}")


def _check_directory(file: Path) -> None:
    """Refuse a directory in which others could replace the file; one with nothing else is made private."""
    found = file.parent.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid not in (os.geteuid(), 0):
        raise _refusal(file.parent, f"belongs to user id {found.st_uid}")
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise _refusal(file.parent, "can be written by everybody")
    if mode & 0o077 and found.st_uid == os.geteuid() and _is_alone(file):
        file.parent.chmod(0o700)


def _is_alone(file: Path) -> bool:
    """Whether a directory is there for the token file: by its name, or since it holds nothing else."""
    ours = (file.name, f".{file.name}.")
    return file.parent.name == "ogdc" or all(each.name.startswith(ours) for each in file.parent.iterdir())


def _refusal(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} {what}, so no tokens are read from there and none are kept. Remove it, or let "
        "TOKEN_CACHE_FILE name a file in a directory of yours."
    )
