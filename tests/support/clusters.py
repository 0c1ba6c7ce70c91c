"""Data directories of PostgreSQL as copies of one, since creating one takes ten times as long."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.paths import StatePaths
from ogdc_local.stack.postgres import DATABASE, USER, Postgres
from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.migrate import migrate


def plant(data: Path) -> None:
    """Create the data directory that a server's first start would create, with migrated tables."""
    subprocess.run(["cp", "-a", _made(), data], check=True)  # owners as well


def plant_state(paths: StatePaths) -> None:
    """Create the database that a stack's first start would create, unless it exists."""
    paths.create()
    if not any(paths.root.glob("pg-*")):
        plant(paths.postgres_data(find_binaries(paths.postgres_data, os.environ).major))


@cache
def _made() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="ogdc-pg-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    data, socket_dir = directory / "data", directory / "socket"
    socket_dir.mkdir(mode=0o700)
    binaries = find_binaries(lambda _: data, os.environ)
    server = Postgres(binaries=binaries, data=data, socket_dir=socket_dir, log=directory / "log")
    server.start()
    try:
        database = Database(DatabaseSettings(host=str(socket_dir), name=DATABASE, user=USER))
        migrate(database)
        database.close()
    finally:
        server.stop()
    return data
