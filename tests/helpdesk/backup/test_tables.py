"""Rows out and in again, between databases with all that could hinder: triggers, cycles, generated."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.db import connection

from helpdesk.backup.tables import (
    drop_everything,
    dump_sequences,
    dumped_table,
    list_tables,
    load_sequences,
    load_table,
    open_to_copy,
)

SCHEMA = r"""
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE DOMAIN short AS text CHECK (length(value) < 9);
CREATE TABLE boss (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, best bigint, name text,
  loud text GENERATED ALWAYS AS (upper(name)) STORED, state mood, code short);
CREATE TABLE "Mixed Case" (id int PRIMARY KEY, boss bigint NOT NULL REFERENCES boss, raw bytea,
  at timestamptz, j jsonb);
ALTER TABLE boss ADD CONSTRAINT best_fk FOREIGN KEY (best)
  REFERENCES "Mixed Case" DEFERRABLE INITIALLY DEFERRED;
CREATE SEQUENCE numbers_2026 START 100;
CREATE VIEW louder AS SELECT loud FROM boss;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
CREATE TRIGGER no_insert BEFORE INSERT OR UPDATE OR DELETE ON boss
  FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON boss EXECUTE FUNCTION refuse();
ALTER TABLE boss ENABLE ALWAYS TRIGGER no_insert;
"""
ROWS = r"""
ALTER TABLE boss DISABLE TRIGGER USER;
INSERT INTO boss (best, name, state, code)
  VALUES (1, E'tab\t, back\\ e água\n', 'cross', 'ab'), (NULL, '\N', NULL, NULL);
INSERT INTO "Mixed Case"
  VALUES (1, 1, '\x00ff', '2026-03-01 10:00:00.123456-03', '{"a": "\u00e1"}'), (2, 2, NULL, NULL, NULL);
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE boss ENABLE TRIGGER USER; ALTER TABLE boss ENABLE ALWAYS TRIGGER no_insert;
SELECT nextval('numbers_2026'), nextval('numbers_2026');
"""


@pytest.fixture
def databases() -> Iterator[list[Any]]:
    """Cursors on two new databases: a source with rows and a target with the schema only."""
    made, cursors = [], []
    base = connection.get_connection_params()
    for name in ("backup_source", "backup_target"):
        admin = psycopg2.connect(**{**base, "dbname": "postgres"})
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            cursor.execute(f"CREATE DATABASE {name}")
        made.append((admin, name, psycopg2.connect(**{**base, "dbname": name})))
        cursors.append(made[-1][2].cursor())
        cursors[-1].execute(SCHEMA)
    cursors[0].execute(ROWS)
    yield cursors
    for admin, name, opened in made:
        opened.close()
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
        admin.close()


def copy(source: Any, target: Any, place: Path) -> dict[str, dict]:
    said = {}
    with open_to_copy(target, list_tables(target)):
        for table in list_tables(source):
            with dumped_table(source, table, str(place)) as (packed, facts):
                assert load_table(target, table, io.BytesIO(packed.read())) == facts["rows"]
            said[table.name] = facts
    load_sequences(target, dump_sequences(source))
    return said


def test_rows_sequences_and_constraints_come_over_whole(databases: list[Any], tmp_path: Path) -> None:
    source, target = databases
    first = copy(source, target, tmp_path)
    assert {name: facts["rows"] for name, facts in first.items()} == {"boss": 2, "Mixed Case": 2}
    assert copy(target, source, tmp_path) == first  # and back: the same rows, the same sums
    target.execute(
        'SELECT b.name, b.loud, m.raw, m.j FROM boss b JOIN "Mixed Case" m ON m.boss = b.id ORDER BY b.id'
    )
    assert [row[0] for row in target.fetchall()] == ["tab\t, back\\ e água\n", r"\N"]
    target.execute("SELECT nextval('numbers_2026')")
    assert target.fetchone() == (102,)
    with pytest.raises(psycopg2.errors.RaiseException):
        target.execute("INSERT INTO boss (name) VALUES ('x')")
    target.connection.rollback()


def test_row_that_breaks_a_foreign_key_is_refused(databases: list[Any], tmp_path: Path) -> None:
    source, target = databases
    source.execute('ALTER TABLE "Mixed Case" DROP CONSTRAINT "Mixed Case_boss_fkey"')
    source.execute('UPDATE "Mixed Case" SET boss = 99 WHERE id = 2')
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        copy(source, target, tmp_path)


def test_sequence_the_target_lacks_is_made(databases: list[Any]) -> None:
    source, target = databases
    target.execute("DROP SEQUENCE numbers_2026")
    load_sequences(target, dump_sequences(source))
    assert dump_sequences(target)[-1] == dump_sequences(source)[-1]


def test_everything_of_ours_is_dropped_and_extensions_stay(databases: list[Any]) -> None:
    _source, target = databases
    target.execute("CREATE EXTENSION unaccent")
    drop_everything(target)
    assert list_tables(target) == []
    assert dump_sequences(target) == []
    target.execute("SELECT unaccent('água')")
    assert target.fetchone() == ("agua",)
    target.execute(SCHEMA)  # nothing is in the way of making it again
