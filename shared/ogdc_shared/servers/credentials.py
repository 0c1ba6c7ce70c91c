"""Credentials for servers: from the input's URL, a token for its host, or a netrc file.

Credentials are sent only to their own host, whatever redirects do; once one request of a chain
of redirects was encrypted, none are sent unencrypted.
"""

from __future__ import annotations

import os
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ogdc_shared.errors import UnusableInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

NETRC, TOKENS, REFUSED = "netrc", "tokens", "refused"
"""Names of the files: one as ftp(1) and curl read it, one with `HOST TOKEN` a line, and a word on those of
the user's that were not taken."""


class Credentials:
    """Credentials for certain hosts."""

    def __init__(
        self,
        *,
        logins: Mapping[str, tuple[str, str]] | None = None,
        tokens: Mapping[str, str] | None = None,
        note: str = "",
    ) -> None:
        """Keep these.

        Args:
            logins: Host → user and password.
            tokens: Host → bearer token.
            note: What to add where a login is missing.
        """
        self.note = note
        self._logins = logins or {}
        self._tokens = tokens or {}

    @classmethod
    def read(cls, directory: str) -> Credentials:
        """Read the files in a directory; missing files count as empty.

        Raises:
            UnusableInputError: a file is malformed; the message gives the position but not the content.
        """
        logins = _read_netrc(f"{directory}/{NETRC}")
        unused = "The `default` entry of the netrc file is not used." if logins.pop("default", None) else ""
        return cls(
            logins=logins,
            tokens=dict(_read_tokens(f"{directory}/{TOKENS}")),
            note=f"{_read_note(f'{directory}/{REFUSED}')} {unused}".strip(),
        )

    @classmethod
    def of_files(cls, files: Mapping[str, bytes]) -> Credentials:
        """Read the same from memory, by the files' names."""
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="ogdc-logins-") as directory:
            for name, content in files.items():
                with open(f"{directory}/{name}", "wb") as file:
                    file.write(content)
            return cls.read(directory)

    def authorization(self, url: str, *, asked: str, encrypted: bool) -> str | None:
        """Return the Authorization header for a request, or None.

        Args:
            url: The current URL, possibly after redirects.
            asked: The input's own URL.
            encrypted: Whether an earlier request of these was encrypted.
        """
        if login := self.password(url, asked=asked, encrypted=encrypted):
            return _basic(*login)
        parts = urlsplit(url)
        token = self._tokens.get((parts.hostname or "").lower())
        return f"Bearer {token}" if token and (parts.scheme == "https" or not encrypted) else None

    def password(self, url: str, *, asked: str, encrypted: bool) -> tuple[str, str] | None:
        """Return user and password for a request, or None if it gets a token or nothing.

        The arguments are those of `authorization`.
        """
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if encrypted and parts.scheme != "https":
            return None
        return _url_login(urlsplit(asked), parts) or (
            None if host in self._tokens else self._logins.get(host)
        )

    def login(self, url: str) -> tuple[str, str]:
        """Return user and password for a URL that is not http; both are empty if there are none."""
        parts = urlsplit(url)
        return _url_login(parts, parts) or self._logins.get((parts.hostname or "").lower(), ("", ""))


def without_login(url: str) -> str:
    """Return a URL as a request has it, without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def _url_login(given: SplitResult, wanted: SplitResult) -> tuple[str, str] | None:
    """The login in a URL, for requests to the very server it names."""
    same = given.hostname == wanted.hostname and (
        (given.scheme, given.port) == (wanted.scheme, wanted.port)
        or (given.scheme, wanted.scheme, given.port, wanted.port) == ("http", "https", None, None)
    )
    if "@" not in given.netloc or not same:
        return None
    return unquote(given.username or ""), unquote(given.password or "")


def _basic(user: str, password: str) -> str:
    """Source: RFC 7617 section 2."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def _read_netrc(path: str) -> dict[str, tuple[str, str]]:
    """Read a netrc, with its `default`, which is not used: it would go to any host a redirect leads to."""
    import netrc

    if not os.path.isfile(path):
        return {}
    try:
        hosts = netrc.netrc(path).hosts
    except netrc.NetrcParseError as exc:
        raise UnusableInputError(
            f"The netrc file has an error in line {exc.lineno}. Correct that line."
        ) from exc
    except (OSError, UnicodeError) as exc:
        raise UnusableInputError(f"The netrc file cannot be read: {type(exc).__name__}.") from exc
    return {host.lower(): (login or "", password or "") for host, (login, _, password) in hosts.items()}


def _read_note(path: str) -> str:
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _is_host(text: str) -> bool:
    return "/" not in text and text.count(":") != 1  # IPv6 addresses have more


def _read_tokens(path: str) -> list[tuple[str, str]]:
    if not os.path.isfile(path):
        return []
    found = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            words = line.split("#")[0].split()
            if words and (len(words) != 2 or not words[1].isascii() or not _is_host(words[0])):
                raise UnusableInputError(
                    f"The file of tokens, line {number}: write a host (not its URL or port), a space and its "
                    "token."
                )
            if words:
                found.append((words[0].lower(), words[1]))
    return found
