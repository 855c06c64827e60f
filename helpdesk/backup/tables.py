"""Decides how rows leave and enter the database: COPY text of every table, without any superuser right.

Out: inside one repeatable-read transaction. In: foreign keys dropped and made again (which checks them),
triggers of ours silent meanwhile (an append-only table refuses no restore), all inside the caller's
transaction.
"""

import gzip
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from psycopg2 import sql

# The migration history belongs to the code that runs, not to the data.
NOT_DATA = ("django_migrations",)
# Conditions on the catalogue row `c`; fixed text, so building statements from it is safe (S608 below).
_OF_EXTENSION = "EXISTS (SELECT 1 FROM pg_depend WHERE objid = c.oid AND deptype = 'e')"
_OURS = f"c.relnamespace = 'public'::regnamespace AND NOT {_OF_EXTENSION}"


@dataclass(frozen=True)
class Table:
    """A table and the columns that hold data (generated ones do not)."""

    name: str
    columns: tuple[str, ...]

    def copy(self, direction: str) -> sql.Composed:
        """COPY statement; `direction` is "TO STDOUT" or "FROM STDIN"."""
        return sql.SQL("COPY public.{} ({}) " + direction).format(
            sql.Identifier(self.name), sql.SQL(", ").join(map(sql.Identifier, self.columns))
        )


def list_tables(cursor: Any) -> list[Table]:
    """Every table of ours, by name."""
    cursor.execute(
        f"""SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        AND NOT a.attisdropped AND a.attgenerated = ''
        WHERE c.relkind = 'r' AND {_OURS} AND c.relname <> ALL(%s) GROUP BY c.relname ORDER BY c.relname""",  # noqa: S608
        [list(NOT_DATA)],
    )
    return [Table(name, tuple(columns)) for name, columns in cursor.fetchall()]


@contextmanager
def dumped_table(
    cursor: Any, table: Table, place: str, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[IO[bytes], dict[str, Any]]]:
    """The rows, gzipped in a temporary file below `place`, and what the manifest says of them.

    `check` is called for each piece and may stop it.
    """
    with tempfile.TemporaryFile(dir=place) as spool:
        with gzip.GzipFile(fileobj=spool, mode="wb", compresslevel=3, mtime=0) as packed:
            writing = _Counting(packed, check)
            cursor.copy_expert(table.copy("TO STDOUT"), writing)
        rows = cursor.rowcount
        spool.flush()
        spool.seek(0)
        yield spool, {"columns": list(table.columns), "rows": rows, "sha256": writing.sum.hexdigest()}


class _Counting:
    def __init__(self, target: gzip.GzipFile, check: Callable[[], None]) -> None:
        self.target, self.check, self.sum = target, check, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.check()
        self.sum.update(data)
        return self.target.write(data)


def load_table(cursor: Any, table: Table, packed: IO[bytes]) -> int:
    """Copy the rows in; how many there were."""
    with gzip.GzipFile(fileobj=packed, mode="rb") as rows:
        cursor.copy_expert(table.copy("FROM STDIN"), rows)
    return cursor.rowcount


def dump_sequences(cursor: Any) -> list[dict[str, Any]]:
    """Every sequence with its shape and place; called last, so that none is behind the rows."""
    cursor.execute(
        f"""SELECT s.sequencename, s.data_type::text, s.start_value, s.min_value, s.max_value, s.increment_by,
        s.cycle, s.last_value FROM pg_sequences s
        JOIN pg_class c ON c.relname = s.sequencename AND c.relkind = 'S'
        WHERE s.schemaname = 'public' AND {_OURS} ORDER BY 1"""  # noqa: S608
    )
    names = ("name", "type", "start", "min", "max", "increment", "cycle", "last")
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def load_sequences(cursor: Any, sequences: list[dict[str, Any]]) -> None:
    """Put the sequences where they were; one the migrations do not make (a new year's) is made."""
    for one in sequences:
        shape = sql.SQL("AS {} INCREMENT {} MINVALUE {} MAXVALUE {} START {} {}").format(
            sql.SQL({"smallint": "smallint", "integer": "integer"}.get(one["type"], "bigint")),
            *(sql.Literal(one[part]) for part in ("increment", "min", "max", "start")),
            sql.SQL("CYCLE" if one["cycle"] else "NO CYCLE"),
        )
        name = sql.Identifier("public", one["name"])
        cursor.execute(sql.SQL("CREATE SEQUENCE IF NOT EXISTS {} {}").format(name, shape))
        place, called = (one["start"], False) if one["last"] is None else (one["last"], True)
        cursor.execute("SELECT setval(%s::regclass, %s, %s)", [f'public."{one["name"]}"', place, called])


@contextmanager
def open_to_copy(cursor: Any, tables: list[Table]) -> Iterator[None]:
    """Empty tables without foreign keys and without our triggers; both are back, and checked, afterwards."""
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a check still pending would forbid to alter the table
    keys, triggers = _foreign_keys(cursor), _triggers(cursor)
    for table, name, _definition in keys:
        _alter(cursor, table, "DROP CONSTRAINT {}", name)
    for table, name, _mode in triggers:
        _alter(cursor, table, "DISABLE TRIGGER {}", name)
    if tables:
        everything = sql.SQL(", ").join(sql.Identifier("public", table.name) for table in tables)
        cursor.execute(sql.SQL("TRUNCATE {}").format(everything))
    yield
    for table, name, mode in triggers:
        _alter(
            cursor,
            table,
            {"A": "ENABLE ALWAYS TRIGGER {}", "R": "ENABLE REPLICA TRIGGER {}"}.get(
                mode, "ENABLE TRIGGER {}"
            ),
            name,
        )
    for table, name, definition in keys:
        _alter(cursor, table, "ADD CONSTRAINT {} " + definition.replace("{", "{{").replace("}", "}}"), name)


def _alter(cursor: Any, table: str, action: str, name: str) -> None:
    statement = sql.SQL("ALTER TABLE {} ").format(sql.Identifier("public", table))
    cursor.execute(statement + sql.SQL(action).format(sql.Identifier(name)))


def _foreign_keys(cursor: Any) -> list[tuple[str, str, str]]:
    cursor.execute(
        f"""SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k
        JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'f' AND k.conparentid = 0 AND {_OURS} ORDER BY 1, 2"""  # noqa: S608
    )
    return cursor.fetchall()


def _triggers(cursor: Any) -> list[tuple[str, str, str]]:
    cursor.execute(
        f"""SELECT c.relname, t.tgname, t.tgenabled::text FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND {_OURS} ORDER BY 1, 2"""  # noqa: S608
    )
    return cursor.fetchall()


def drop_everything(cursor: Any) -> None:
    """Drop what is ours in the schema; extensions stay, since making them may need rights we lack."""
    cursor.execute(
        f"""SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW'
        WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.oid::regclass::text
        FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND {_OURS}
        UNION ALL SELECT 'ROUTINE', c.oid::regprocedure::text FROM pg_proc c
        WHERE c.pronamespace = 'public'::regnamespace AND NOT {_OF_EXTENSION}
        UNION ALL SELECT 'TYPE', c.oid::regtype::text FROM pg_type c
        WHERE c.typnamespace = 'public'::regnamespace AND c.typtype IN ('e', 'd') AND NOT {_OF_EXTENSION}
        UNION ALL SELECT 'TEXT SEARCH CONFIGURATION', c.oid::regconfig::text FROM pg_ts_config c
        WHERE c.cfgnamespace = 'public'::regnamespace AND NOT {_OF_EXTENSION}"""  # noqa: S608
    )
    # Tables first: a sequence that belongs to a column goes with it and cannot go alone.
    for kind, name in sorted(cursor.fetchall(), key=lambda row: row[0] == "SEQUENCE"):  # names come quoted
        cursor.execute(f"DROP {kind} IF EXISTS {name} CASCADE")
