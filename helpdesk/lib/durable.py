"""Decides how a row of work is claimed, finished and retried, so that nothing is lost and nothing done twice.

Inbound messages, outbound messages and reactions inherit `DurableRow`. A claim is its own short transaction that
counts the attempt and writes a lease with a fencing token; a worker that comes back after its lease finds no row
to finish and must roll back (reliability: inbox, outbox, states).
"""

import os
import random
import signal
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Value
from django.db.models.expressions import CombinedExpression
from django.utils.translation import gettext_lazy as _

from helpdesk.lib.clock import AppNow

RETRY_SECONDS = (5, 15, 60, 300, 1800)
FRESH_SECONDS = 60


class LeaseLost(Exception):
    """The row is no longer ours: the lease ran out and someone else may hold it. Roll back."""


def in_seconds(seconds: float) -> CombinedExpression:
    """Return the expression `app_now() + seconds`."""
    return AppNow() + Value(timedelta(seconds=seconds), output_field=models.DurationField())


def crash_point(name: str) -> None:
    """Kill this process when `CRASH_AT` names this step (tests only; the setting is empty otherwise).

    `CRASH_AT=@/path` reads the step from that file and removes it first, so that it strikes once.
    """
    wanted = settings.CRASH_AT
    if not wanted:
        return
    if wanted.startswith("@"):
        path = Path(wanted[1:])
        if not path.exists() or path.read_text() != name:
            return
        path.unlink()
    elif wanted != name:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def jitter(seconds: float) -> float:
    """Return `seconds` ± 50 %."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311  (spread, not secrecy)


class DurableQuerySet(models.QuerySet[Any]):
    """Queries shared by every durable row."""

    @property
    def _row(self) -> "type[DurableRow]":
        return self.model

    def due(self) -> Self:
        """Rows that wait and whose moment has come, oldest first."""
        return self.filter(state=self._row.WAITING, next_at__lte=AppNow()).order_by("next_at", "id")

    def claim(self, limit: int, *, related: Sequence[str] = ()) -> list:
        """Claim up to `limit` due rows of this queryset in one own transaction; return them.

        Counts the attempt, writes the lease (`LEASE_SECONDS`) and a fencing token. Rows held by another worker
        are skipped, never waited for.
        """
        token = uuid.uuid4()
        with transaction.atomic(durable=True):
            picked = list(
                self.due()
                .select_for_update(skip_locked=True, of=("self",))
                .values_list("pk", flat=True)[:limit]
            )
            if not picked:
                return []
            self._row.objects.filter(pk__in=picked).update(
                state=self._row.CLAIMED,
                attempts=F("attempts") + 1,
                lease_until=in_seconds(settings.LEASE_SECONDS),
                next_at=in_seconds(settings.LEASE_SECONDS),
                lease_token=token,
            )
        crash_point("after_claim")
        rows = self._row.objects.filter(pk__in=picked, lease_token=token).order_by("id")
        return list(rows.select_related(*related) if related else rows)


class DurableRow(models.Model):
    """A row of work with a state, attempts, a lease and a last error."""

    WAITING = "new"
    CLAIMED = "new"  # a lease is a column, not a state, unless a subclass says otherwise
    DONE = "done"
    DEAD = "dead"
    retry_seconds: Sequence[float] = RETRY_SECONDS
    longest_wait: float = RETRY_SECONDS[-1]

    state = models.CharField(_("state"), max_length=12, default="new")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next attempt"), db_default=AppNow())
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, default="")

    objects = DurableQuerySet.as_manager()

    class Meta:
        abstract = True

    def finish(self, state: str | None = None, **changes: Any) -> None:
        """Leave the claim with a final state, inside the caller's transaction.

        Raises `LeaseLost` when the fencing token is no longer ours: the caller's transaction must roll back.
        """
        state = state or self.DONE
        if not changes:
            self.finish_together([self], [state])
            return
        mine = type(self).objects.filter(pk=self.pk, lease_token=self.lease_token)
        if not mine.update(state=state, lease_token=None, lease_until=None, **changes):
            raise LeaseLost(f"{type(self).__name__} {self.pk}")
        self.state = state

    @classmethod
    def finish_together(cls, rows: Sequence[Self], states: Sequence[str]) -> None:
        """Leave several claims in one statement, each with its final state, inside the caller's transaction.

        Raises `LeaseLost` when the fencing token of any row is no longer ours: the caller's transaction must roll back.
        """
        tokens = [str(row.lease_token) for row in rows]
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {cls._meta.db_table} AS row SET state = mine.state, lease_token = NULL, lease_until = NULL "  # noqa: S608
                "FROM unnest(%s::bigint[], %s::uuid[], %s::text[]) AS mine (id, token, state) "
                "WHERE row.id = mine.id AND row.lease_token = mine.token",
                [[row.pk for row in rows], tokens, list(states)],
            )
            if cursor.rowcount != len(rows):
                raise LeaseLost(f"{cls.__name__} {', '.join(str(row.pk) for row in rows)}")
        for row, state in zip(rows, states, strict=True):
            row.state = state

    def fail(self, error: BaseException | str, *, permanent: bool = False) -> bool:
        """Record a failed attempt: wait for the next one, or stand as dead when none is left. True when dead.

        A claim that is no longer ours changes nothing.
        """
        dead = permanent or self.attempts > len(self.retry_seconds)
        mine = type(self).objects.filter(pk=self.pk, lease_token=self.lease_token, state=self.CLAIMED)
        delay = 0 if dead else jitter(self.retry_seconds[max(0, self.attempts - 1)])
        mine.update(
            state=self.DEAD if dead else self.WAITING,
            next_at=in_seconds(delay),
            lease_token=None,
            lease_until=None,
            last_error=describe(error),
        )
        return dead

    @classmethod
    def put_back(cls, rows: Sequence[Self]) -> None:
        """Return claimed rows untried: due at once, their attempt not counted. Rows no longer ours stay as they are."""
        for row in rows:
            mine = cls.objects.filter(pk=row.pk, lease_token=row.lease_token, state=cls.CLAIMED)
            mine.update(
                state=cls.WAITING,
                attempts=F("attempts") - 1,
                next_at=AppNow(),
                lease_token=None,
                lease_until=None,
            )

    @classmethod
    def heal_clock(cls) -> int:
        """Take back moments no right clock would have written: the clock was ahead and was set back (I6).

        A fresh row waits a minute at most (undo), a failed one its longest wait, a claimed one its lease. Returns
        how many rows were due too late. The sweep calls it.
        """
        lease = settings.LEASE_SECONDS
        claimed = cls.objects.filter(state=cls.CLAIMED, lease_until__gt=in_seconds(2 * lease))
        claimed.update(lease_until=in_seconds(lease), next_at=in_seconds(lease))
        fresh = models.Q(attempts=0, next_at__gt=in_seconds(FRESH_SECONDS))
        late = fresh | models.Q(next_at__gt=in_seconds(1.5 * cls.longest_wait))
        waiting = cls.objects.filter(late, state=cls.WAITING, lease_until__isnull=True)
        return waiting.update(next_at=AppNow())

    @classmethod
    def release_expired(cls) -> int:
        """Make rows whose lease ran out due again; return how many. The sweep calls it every 15 s."""
        expired = cls.objects.filter(state=cls.CLAIMED, lease_until__lt=AppNow())
        return expired.update(lease_token=None, lease_until=None, next_at=AppNow(), state=cls.WAITING)


def describe(error: BaseException | str) -> str:
    """Return a storable one-paragraph text of an error (no NUL, at most 2,000 characters)."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return text.replace("\x00", "")[:2000]
