"""The user's own logins and secrets, in files that nobody else may read.

- `~/.netrc` (or what NETRC names): logins, as curl and wget read them.
- `~/.config/ogdc-runner/tokens`: bearer tokens, `HOST TOKEN` a line.
- `~/.config/ogdc-runner/secrets/NAME`: what `workflow.secrets: [NAME]` asks for, `VARIABLE=value` a line.

Source: XDG Base Directory Specification 0.8; netrc(5).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.layout import NODE_TOKEN
from ogdc_shared.servers.credentials import NETRC, REFUSED, TOKENS, Credentials

_VARIABLE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class PrivateFiles(NamedTuple):
    """Where they are."""

    netrc: Path
    config: Path

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> PrivateFiles:
        """Find them as the user's other programs do."""
        home = Path(environ.get("HOME") or Path.home())
        chosen = Path(environ.get("XDG_CONFIG_HOME", ""))
        config = chosen if chosen.is_absolute() else home / ".config"
        return cls(Path(environ.get("NETRC") or home / ".netrc"), config / "ogdc-runner")

    def logins(self) -> dict[str, bytes]:
        """Read the files of `worker.credentials`: those there are, and a word on those not to be used."""
        return self._read({NETRC: self.netrc} | self._tokens)

    def tokens(self) -> dict[str, bytes]:
        """Read the file of tokens alone, likewise."""
        return self._read(self._tokens)

    def node_token(self, url: str) -> dict[str, str]:
        """Read the token for a member node, by the host of its URL; nothing where there is none.

        Raises:
            UnusableInputError: the file cannot be understood.
        """
        shown = Credentials.of_files(self.tokens()).authorization(url, asked=url, encrypted=False) or ""
        return {NODE_TOKEN: shown.removeprefix("Bearer ")} if shown.startswith("Bearer ") else {}

    @property
    def _tokens(self) -> dict[str, Path]:
        return {TOKENS: self.config / TOKENS}

    def _read(self, files: Mapping[str, Path]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        refused: list[str] = []
        for name, path in files.items():
            if path.is_file():
                try:
                    found[name] = _read_private(path)
                except InputNotFoundError as exc:
                    refused.append(str(exc))
        if refused:
            found[REFUSED] = " ".join(refused).encode()
        return found

    def secret(self, name: str) -> dict[str, str]:
        """Read a secret's variables.

        Raises:
            InputNotFoundError: there is no such secret, others may read it, or it is of no known form.
        """
        path = self.config / "secrets" / name
        if not path.is_file():
            raise InputNotFoundError(
                f"workflow.secrets: there is no secret {name!r} on this machine. Put it into {path}, one "
                "VARIABLE=value a line, and chmod 600 it."
            )
        return dict(_variables(path, _read_private(path)))


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise InputNotFoundError(
                f"{path} was not used, since others may read it (mode "
                f"{stat.S_IMODE(found.st_mode):04o}, user id {found.st_uid}): chmod 600 {path}."
            )
        return file.read()


def _variables(path: Path, content: bytes) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _VARIABLE.fullmatch(line.strip())
        if match is None:
            raise InputNotFoundError(f"{path}, line {number}: write VARIABLE=value.")
        found.append((match[1], _unquoted(match[2])))
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
