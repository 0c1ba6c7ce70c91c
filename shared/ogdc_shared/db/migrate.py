"""Migrate a database to the schema of this version: `python -m ogdc_shared.db.migrate`.

Migrations are numbered files. Applied ones never change, and each keeps the previous version working. All
missing ones are applied and recorded in one transaction, so an interrupted migration has applied all or none
(docs/decisions/0005-own-migration-runner.md).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg import Connection

from ogdc_shared.config import Settings
from ogdc_shared.db.database import Database
from ogdc_shared.db.queries import SQL_DIR, load_queries
from ogdc_shared.errors import ConfigurationError, DatabaseUnavailableError, OgdcError, UnstorableError

if TYPE_CHECKING:
    from argparse import Namespace

_LOCK = 0x6F676463  # "ogdc"; an advisory lock that nothing else in the database uses
_WAIT_SECONDS = 300.0
_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 1.0
"""Between attempts to reach a database that does not respond."""
_FILES = "[0-9]*_*.sql"


class Migration(NamedTuple):
    """A numbered SQL file."""

    name: str
    """The file's name without `.sql`."""
    sql: bytes

    @property
    def checksum(self) -> str:
        """SHA-256, in hex."""
        return sha256(self.sql).hexdigest()


def migrate(database: Database, *, directory: Path = SQL_DIR / "migrations") -> list[str]:
    """Apply the missing migrations; several processes may do this at once.

    Returns:
        The names of those applied now, in order.

    Raises:
        ConfigurationError: an applied migration was edited, two have the same number, or the database's
            encoding is not UTF-8.
        DatabaseUnavailableError: PostgreSQL does not respond, or other processes have been migrating for
            minutes.
        DataError: PostgreSQL rejects a value in a migration.
    """
    migrations = load_migrations(directory)
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        # Poll for the lock: a statement that waits for it would hold a snapshot, and a CREATE INDEX
        # CONCURRENTLY of the process that has the lock would wait for that snapshot.
        with _own_values(), database.transaction() as conn:
            if _lock(conn):
                with conn.unlimited():
                    return _apply_missing(conn, migrations)
        time.sleep(_POLL_SECONDS)
    raise DatabaseUnavailableError(
        f"Another process has been migrating the database for {_WAIT_SECONDS:.0f} seconds. "
        "Find it by its advisory lock in pg_locks."
    )


def require_migrated(database: Database, *, directory: Path = SQL_DIR / "migrations") -> None:
    """Check that the database has the schema of this version or a newer one.

    Raises:
        ConfigurationError: a migration is missing, or the database's encoding is not UTF-8.
        DatabaseBusyError: all connections are in use.
        DatabaseUnavailableError: PostgreSQL does not respond.
    """
    needed = {path.stem for path in directory.glob(_FILES)}
    with database.autocommit(patience=0) as conn:
        _require_unicode(conn)
        applied = {name for name, _ in conn.execute(load_queries("migrations")["list_migrations"])}
    if missing := sorted(needed - applied):
        raise ConfigurationError(
            f"The database lacks {', '.join(missing)} of this version's migrations. "
            "Run `python -m ogdc_shared.db.migrate` with this version's settings."
        )


def load_migrations(directory: Path) -> list[Migration]:
    """Read the numbered files of a directory, in order.

    Raises:
        ConfigurationError: two have the same number.
    """
    # Read as text, so that converted line ends in a checkout do not count as an edit.
    found = [Migration(path.stem, path.read_text("utf-8").encode()) for path in directory.glob(_FILES)]
    found.sort()
    for one, next_one in pairwise(found):
        if _number(one) == _number(next_one):
            raise ConfigurationError(
                f"The migrations {one.name} and {next_one.name} have the same number. Renumber the newer one."
            )
    return found


@contextmanager
def _own_values() -> Iterator[None]:
    """Reraise psycopg's error for a rejected value, since the value comes from a migration."""
    try:
        yield
    except UnstorableError as exc:
        raise exc.__cause__ or exc from None


def _number(migration: Migration) -> int:
    return int(migration.name.split("_")[0])


def _lock(conn: Connection) -> bool:
    found = conn.execute(load_queries("migrations")["prepare_to_migrate"], {"lock": _LOCK}).fetchone()
    return bool(found and found[0])


def _apply_missing(conn: Connection, migrations: list[Migration]) -> list[str]:
    _require_unicode(conn)
    queries = load_queries("migrations")
    conn.execute(queries["create_migrations"])
    applied: dict[str, str] = dict(conn.execute(queries["list_migrations"]).fetchall())
    _require_unedited(migrations, applied)
    missing = [migration for migration in migrations if migration.name not in applied]
    for migration in missing:
        conn.execute(migration.sql)
        conn.execute(queries["record_migration"], {"name": migration.name, "checksum": migration.checksum})
    return [migration.name for migration in missing]


def _require_unicode(conn: Connection) -> None:
    """Reject a database created with the locale C, in which PostgreSQL stores bytes of any encoding."""
    encoding = conn.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database has the encoding {encoding}, but file names and messages need UTF8. Recreate it: "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        )


def _require_unedited(migrations: list[Migration], applied: dict[str, str]) -> None:
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise ConfigurationError(
                f"Migration {migration.name} was edited after it was applied to this database. "
                "Restore the file, and put the change into a new migration."
            )


def main() -> int:
    """Migrate the database named by the environment, and create the first admin; returns the exit code."""
    arguments, settings = _arguments(), Settings.from_env()
    database = Database(settings.database)
    try:
        applied = _migrate_once_there(database, wait=arguments.wait)
        print(f"Applied {', '.join(applied)}." if applied else "The schema is up to date.", flush=True)
        _print_first_token(database, settings, anew=arguments.admin_token)
    except OgdcError as exc:
        print(f"{exc} {exc.__cause__ or ''}".strip(), file=sys.stderr)
        return 1
    finally:
        database.close()
    return 0


def _print_first_token(database: Database, settings: Settings, *, anew: bool) -> None:
    """Print a token of the first admin: where users log in, and where the operator asks for a new one."""
    from ogdc_shared.db.first_admin import make_first_admin, renew_first_admin, shown_once

    if anew:
        token: str | None = renew_first_admin(database)
    else:
        token = make_first_admin(database) if settings.access_mode == "authenticated" else None
    if token:
        print(shown_once(token), flush=True)


def _arguments() -> Namespace:
    from argparse import ArgumentParser

    parser = ArgumentParser(prog="python -m ogdc_shared.db.migrate", description=main.__doc__)
    parser.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="for a database that may be starting: try again while it does not answer",
    )
    parser.add_argument(
        "--admin-token",
        action="store_true",
        help="make the first admin, user `admin` of issuer `ogdc`, a new API token; those before are revoked",
    )
    return parser.parse_args()


def _migrate_once_there(database: Database, *, wait: float) -> list[str]:
    deadline = time.monotonic() + wait
    while True:
        try:
            return migrate(database)
        except DatabaseUnavailableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
