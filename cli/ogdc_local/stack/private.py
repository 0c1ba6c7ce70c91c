"""The user's own credentials and secrets, in files that nobody else may read.

- `~/.netrc` (or the file named by NETRC): logins, as for curl and wget.
- `~/.config/ogdc-runner/tokens`: bearer tokens, one `HOST TOKEN` per line.
- `~/.config/ogdc-runner/secrets/NAME`: secrets for `workflow.secrets: [NAME]`, one `VARIABLE=value` per line.

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
    """Paths of these files."""

    netrc: Path
    config: Path
    named: bool = False
    """Whether NETRC names the first."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> PrivateFiles:
        """Find them as other programs of the user do."""
        home = Path(environ.get("HOME") or Path.home())
        chosen = Path(environ.get("XDG_CONFIG_HOME", ""))
        config = chosen if chosen.is_absolute() else home / ".config"
        given = environ.get("NETRC")
        return cls(Path(given or home / ".netrc"), config / "ogdc-runner", named=bool(given))

    def logins(self) -> dict[str, bytes]:
        """Read the files of `worker.credentials`; for those that cannot be used, the reason."""
        return self._read({NETRC: self.netrc} | self._tokens)

    def tokens(self) -> dict[str, bytes]:
        """Read only the file of tokens, in the same way."""
        return self._read(self._tokens)

    def node_token(self, url: str) -> dict[str, str]:
        """Read the token for a member node by the host of its URL; empty if there is none.

        Raises:
            UnusableInputError: the file is malformed.
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
            elif name == NETRC and self.named:
                refused.append(f"There is no file {path}, which NETRC names.")
        if refused:
            found[REFUSED] = " ".join(refused).encode()
        return found

    def secret(self, name: str) -> dict[str, str]:
        """Read a secret's variables.

        Raises:
            InputNotFoundError: there is no such secret, others may read it, or it is malformed.
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
