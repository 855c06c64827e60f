"""Decides what time it is: the database clock, through the SQL function `app_now()`.

The function is made by the first migration of `people` as plain `clock_timestamp()`; only test databases
replace it by one with an offset, so that a test can travel through leases, retries and deadlines.
"""

from datetime import datetime

from django.db import connection
from django.db.models import DateTimeField, Func

CREATE_APP_NOW = """
CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT clock_timestamp()'
"""


class AppNow(Func):
    """The database expression `app_now()`; use it in defaults, filters and updates."""

    function = "app_now"
    template = "%(function)s()"
    output_field = DateTimeField()


def app_now() -> datetime:
    """Return the application's present moment (aware, UTC). Costs one statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_now()")
        return cursor.fetchone()[0]
