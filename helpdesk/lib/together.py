"""Decides how several new rows are written at once: one statement instead of one each, on the path every mail takes."""

from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault


def insert_together(*rows: Model) -> None:
    """Insert new rows of any models in one statement, in the caller's transaction.

    Rows that others point at must carry their key already. A row without a key takes the next one of its table; the
    first row then learns it. Columns with a database default stay to the database. Raises what the database says.
    """
    parts: list[str] = []
    values: list[Any] = []
    for number, row in enumerate(rows):
        marks = []
        fields = _fields(type(row), with_key=row.pk is not None)
        for field in fields:
            value = getattr(row, field.attname)
            if isinstance(value, DatabaseDefault):
                marks.append("DEFAULT")
            else:
                marks.append("%s")
                values.append(field.get_db_prep_save(value, connection))
        columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
        key = " RETURNING id" if number == 0 else ""
        parts.append(f"r{number} AS (INSERT INTO {row._meta.db_table} ({columns}) VALUES ({', '.join(marks)}){key})")  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(parts)} SELECT id FROM r0", values)  # noqa: S608
        rows[0].pk = cursor.fetchone()[0]
    for row in rows:
        row._state.adding, row._state.db = False, "default"


@lru_cache(maxsize=64)
def _fields(model: type[Model], *, with_key: bool) -> list[Field]:
    return [field for field in model._meta.concrete_fields if with_key or not field.primary_key]
