"""GMN, a member node of DataONE, in a process and an environment of its own (`scripts/gmn` makes it).

Its program is `gmn_node.py`; what there is not GMN's own stands there.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import jwt
import pytest

from ogdc_shared.config import DatabaseSettings
from support.ports import free_ports

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-gmn/bin/python"
_MADE = ROOT / ".venv-gmn/requirements.txt"
"""Exists once everything is installed."""
NEEDED = [
    pytest.mark.gmn,
    pytest.mark.skipif(not _MADE.exists(), reason="scripts/gmn has not made GMN's environment; it says why"),
]
"""Marks of tests that need it."""
_PROGRAM = Path(__file__).parent / "gmn_node.py"
_SECONDS = 300


class Gmn:
    """Listens on 127.0.0.1 from `__enter__` to `__exit__`.

    Attributes:
        url: Its base URL.
    """

    def __init__(self, directory: Path, database: DatabaseSettings, writers: tuple[str, ...]) -> None:
        """Prepare the node without starting it.

        Args:
            directory: Where it has its files.
            database: An empty one.
            writers: Subjects that may publish.
        """
        [self._port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}/mn"
        self._directory = directory
        self._database = database
        self._writers = writers

    def __enter__(self) -> Gmn:
        self._key = _make_key(self._directory / "cn.key", self._directory / "cn.pem")
        database = self._database
        where = [f"{database.host}:{database.port or ''}", database.user, database.name]
        self._log = (self._directory / "gmn.log").open("wb")
        # -P: the tests' modules are none of its.
        self._process = subprocess.Popen(
            [PYTHON, "-P", _PROGRAM, self._directory, str(self._port), *map(str, where), *self._writers],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self.__exit__(None, None, None)
            raise AssertionError((self._directory / "gmn.log").read_text())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_SECONDS)
        self._log.close()

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self._process.pid

    def token(self, subject: str, *, seconds: float = 3600) -> str:
        """Return a token of a person, in the form of the coordinating node."""
        now = int(time.time())
        claims = {"sub": subject, "userId": subject, "iat": now, "exp": now + int(seconds)}
        return jwt.encode(claims, self._key, algorithm="RS256")

    def read_back(self, resource_map: str, directory: Path) -> str:
        """Return what dataone.libclient, an independent client, reads of a package: a line per member."""
        done = subprocess.run(
            [PYTHON, "-P", _PROGRAM.with_name("gmn_reader.py"), self.url, resource_map, directory],
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _make_key(key: Path, certificate: Path) -> str:
    """Make the coordinating node's key and its certificate."""
    with suppress(FileNotFoundError):
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-subj",
                    "/CN=cn",
                    "-days",
                    "2",
                ),
                *("-keyout", key, "-out", certificate),
            ],
            check=True,
            capture_output=True,
        )
        return key.read_text()
    pytest.skip("openssl is not installed")
