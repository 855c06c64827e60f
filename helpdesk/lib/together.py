"""Decides how several rows are written at once: one statement instead of one each, on the path every mail takes."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Field, JSONField, Model
from django.db.models.expressions import DatabaseDefault

_READY = (str, int, bool, datetime, type(None))  # what the driver takes as it is


class OneStatement:
    """New rows and changed fields of any models, gathered first and then written in one statement.

    Rows that others point at must carry their key already; a row without one takes the next of its table and does
    not learn it. Columns with a database default stay to the database.
    """

    def __init__(self) -> None:
        self._new: dict[tuple[type[Model], bool], list[Model]] = defaultdict(list)
        self._changed: dict[tuple[type[Model], Any], tuple[Model, dict[str, None]]] = {}

    def insert(self, *rows: Model) -> None:
        """Write these rows with the others."""
        for row in rows:
            self._new[type(row), row.pk is not None].append(row)

    def update(self, row: Model, fields: Iterable[str]) -> None:
        """Write these fields of a row that stands already, as they are when the statement runs."""
        _row, known = self._changed.setdefault((type(row), row.pk), (row, {}))
        known.update(dict.fromkeys(fields))

    def run(self) -> None:
        """Write everything, in the caller's transaction. Raises what the database says."""
        parts: list[str] = []
        values: list[Any] = []
        for (model, with_key), rows in self._new.items():
            parts.append(_insertion(model, rows, values, with_key=with_key))
        for row, fields in self._changed.values():
            parts.append(_change(row, fields, values))
        if not parts:
            return
        named = ", ".join(f"p{number} AS ({part})" for number, part in enumerate(parts))
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {named} SELECT", values)
        for rows in self._new.values():
            for row in rows:
                row._state.adding, row._state.db = False, "default"


def _insertion(model: type[Model], rows: list[Model], values: list[Any], *, with_key: bool) -> str:
    """Return one INSERT of rows of a model; their values are added to `values`."""
    fields, columns = _fields(model, with_key=with_key)
    lines = []
    for row in rows:
        marks = []
        for field, name, ready in fields:
            value = getattr(row, name)
            if isinstance(value, DatabaseDefault):
                marks.append("DEFAULT")
                continue
            marks.append("%s")
            values.append(
                value if ready and type(value) in _READY else field.get_db_prep_save(value, connection)
            )
        lines.append(f"({','.join(marks)})")
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES {','.join(lines)}"  # noqa: S608


def _change(row: Model, names: Iterable[str], values: list[Any]) -> str:
    """Return one UPDATE of named fields of a row; their values are added to `values`."""
    named = set(names)
    fields = [field for field in row._meta.concrete_fields if field.name in named]
    values += [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    values.append(row.pk)
    columns = ", ".join(f"{_quoted(field)} = %s" for field in fields)
    return f"UPDATE {row._meta.db_table} SET {columns} WHERE id = %s"  # noqa: S608


def _quoted(field: Field) -> str:
    return connection.ops.quote_name(str(field.column))


@lru_cache(maxsize=64)
def _fields(model: type[Model], *, with_key: bool) -> tuple[list[tuple[Field, str, bool]], str]:
    """Return the fields an INSERT names, each with its attribute and whether plain values need no preparing; and
    their columns."""
    fields = [field for field in model._meta.concrete_fields if with_key or not field.primary_key]
    facts = [(field, field.attname, not isinstance(field, JSONField)) for field in fields]
    return facts, ", ".join(_quoted(field) for field in fields)
