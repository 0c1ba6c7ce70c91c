import re

import pytest

from ogdc_shared.db.migrate import load_migrations
from ogdc_shared.db.queries import SQL_DIR, load_queries
from ogdc_shared.errors import ConfigurationError

SUBJECTS = sorted(path.stem for path in (SQL_DIR / "queries").glob("*.sql"))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_statement_is_used_by_name(subject):
    code = "".join(path.read_text() for path in SQL_DIR.parent.parent.rglob("*.py"))
    assert load_queries(subject)
    assert [name for name in load_queries(subject) if f'"{name}"' not in code] == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_statement_names_are_unique(subject):
    names = re.findall(r"^-- name: (.*)$", (SQL_DIR / "queries" / f"{subject}.sql").read_text(), re.MULTILINE)
    assert len(names) == len(set(names)) == len(load_queries(subject))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_parsed_statements_are_cached_by_psycopg(subject):
    from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

    assert [
        name for name, sql in load_queries(subject).items() if len(sql) > MAX_CACHED_STATEMENT_LENGTH
    ] == []


def test_migrations_are_numbered_without_gaps():
    numbers = [migration.name[:4] for migration in load_migrations(SQL_DIR / "migrations")]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_migrations_come_in_the_order_of_their_numbers(tmp_path):
    for name in ("0010_c", "0002_b", "0001_a"):
        (tmp_path / f"{name}.sql").write_text("SELECT 1")
    assert [migration.name for migration in load_migrations(tmp_path)] == ["0001_a", "0002_b", "0010_c"]


def test_two_migrations_of_one_number_are_refused(tmp_path):
    for name in ("0001_a", "0002_mine", "0002_yours"):
        (tmp_path / f"{name}.sql").write_text("SELECT 1")
    with pytest.raises(ConfigurationError, match="0002_mine and 0002_yours have the same number"):
        load_migrations(tmp_path)


def test_different_line_ends_do_not_change_a_migration(tmp_path):
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1;\nSELECT 2;\n")
    [unix] = load_migrations(tmp_path)
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1;\r\nSELECT 2;\r\n")
    assert load_migrations(tmp_path) == [unix]
