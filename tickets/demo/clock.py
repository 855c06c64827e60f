"""Decides what time it is while the demonstration is made: the moment of the story, in this transaction only.

The product takes every moment it stores from the SQL function `app_now()`. Here that function is replaced by one
that answers a setting of the transaction, and put back before the commit: no other session ever sees it, a
rollback undoes it, and the rows carry the times they would have had, down to the order of the queue.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

STORY_TIME = """
CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
AS $$SELECT current_setting('presteza.story_time')::timestamptz$$
"""


@contextmanager
def story_time(start: datetime) -> Iterator[Callable[[datetime], None]]:
    """Let `app_now()` answer the moment last given to the yielded function. Must run inside a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("story time needs a transaction that can take it back")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('app_now()'::regprocedure)")
        real = cursor.fetchone()[0]
        _set(start)
        cursor.execute(STORY_TIME)
    yield _set
    with connection.cursor() as cursor:  # not after an error: then the rollback puts it back
        cursor.execute(real)


def _set(moment: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('presteza.story_time', %s, true)", [moment.isoformat()])
