"""Decides which tickets a list shows, in which order and page, and what the counters say (R-013).

A page is keyset: it starts after a place (`cursor`), so that page 400 costs what page 1 costs and nothing is
shown twice while tickets move. Counters are capped: beyond 999 nobody reads the number.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from helpdesk.people.models import ContactAddress, User
from tickets.models import Department, Ticket, TicketRead
from tickets.models.ticket import FINISHED, Status
from tickets.permissions import Scope, scope_of

PAGE = 25
CAP = 999
_CURSOR = re.compile(r"(\d{1,20})\.(\d{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

VIEWS: Mapping[str, tuple[Any, str]] = {
    "queues": (_("My queues"), "layers"),
    "mine": (_("Mine"), "user"),
    "unassigned": (_("Unassigned"), "user-x"),
    "waiting": (_("Waiting for customer"), "hourglass"),
    "stopped": (_("Operation stopped"), "octagon-alert"),
    "finished": (_("Resolved and closed"), "circle-check"),
}
COUNTED = ("queues", "mine", "unassigned", "waiting", "stopped")
GROUPS: Mapping[str, tuple[Any, str, str]] = {  # key: title, first and last queue key of the group
    "stopped": (_("Operation stopped"), "0", "1"),
    "unanswered": (_("Without answer"), "12", "13"),
    "working": (_("In progress"), "13", "14"),
    "waiting": (_("Waiting"), "14", "2"),
}
ROW_FIELDS = (
    "id", "protocol", "subject", "status", "priority", "operation_stopped", "unanswered", "waiting_since", "when",
    "held", "queue_key", "updated_at", "last_entry_id", "preview", "contact__name", "contact__organization__name",
    "channel__kind", "assignee__name",
)  # fmt: skip


@dataclass(frozen=True)
class Selection:
    """What a list is asked for: one of `VIEWS`, narrowed by department and status."""

    view: str = "queues"
    department: int | None = None
    status: str = ""

    @property
    def finished(self) -> bool:
        return self.view == "finished" or self.status in FINISHED

    def query(self) -> str:
        """Return the query string that asks for this list again; '' for the default one."""
        parts = [f"view={self.view}"] if self.view != "queues" else []
        parts += [f"department={self.department}"] if self.department else []
        parts += [f"status={self.status}"] if self.status else []
        return "&".join(parts)


@dataclass
class Page:
    """Rows of one page and the place where the next one starts ('' at the end)."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    next: str = ""


def tickets_of(user: User, selection: Selection) -> QuerySet[Ticket]:
    """Return the tickets of a list, unordered, narrowed to what the user may read."""
    tickets = Ticket.objects.visible_to(user)
    tickets = tickets.filter(status__in=FINISHED) if selection.finished else tickets.unfinished()
    if selection.department:
        tickets = tickets.filter(department_id=selection.department)
    if selection.status:
        tickets = tickets.filter(status=selection.status)
    narrow = {
        "mine": Q(assignee=user),
        "unassigned": Q(assignee=None),
        "waiting": Q(status=Status.WAITING_CUSTOMER),
        "stopped": Q(queue_key__lt="1"),
    }.get(selection.view)
    return tickets.filter(narrow) if narrow is not None else tickets


def page_of(user: User, selection: Selection, *, cursor: str = "", size: int = PAGE) -> Page:
    """Return one page of a list, in one statement. A cursor nobody made starts at the top."""
    tickets = tickets_of(user, selection)
    order = ("-updated_at", "-id") if selection.finished else ("queue_key", "id")
    place = _after(cursor, finished=selection.finished)
    if place is not None:
        tickets = tickets.filter(place)
    rows = list(_with_facts(tickets, user).order_by(*order)[: size + 1])
    more = len(rows) > size
    return Page(rows[:size], _cursor_of(rows[size - 1], finished=selection.finished) if more else "")


def row_of(user: User, selection: Selection, ticket_id: int) -> dict[str, Any] | None:
    """Return one row when the ticket belongs to the list, else None."""
    return _with_facts(tickets_of(user, selection).filter(pk=ticket_id), user).first()


def _with_facts(tickets: QuerySet[Ticket], user: User) -> QuerySet[Ticket, dict[str, Any]]:
    read = TicketRead.objects.filter(user=user, ticket=OuterRef("pk")).values("entry_id")[:1]
    address = ContactAddress.objects.filter(contact=OuterRef("contact")).order_by("id").values("value")[:1]
    return tickets.values(*ROW_FIELDS, read_to=Subquery(read), address=Subquery(address))


def _cursor_of(row: dict[str, Any], *, finished: bool) -> str:
    if finished:
        return f"{(row['updated_at'] - _EPOCH) // timedelta(microseconds=1)}.{row['id']}"
    return f"{row['queue_key']}.{row['id']}"


def _after(cursor: str, *, finished: bool) -> Q | None:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        return None
    key, pk = found[1], int(found[2])
    if not finished:
        return Q(queue_key__gte=key) & (Q(queue_key__gt=key) | Q(id__gt=pk))
    try:
        moment = _EPOCH + timedelta(microseconds=int(key))
    except OverflowError:
        return None
    return Q(updated_at__lte=moment) & (Q(updated_at__lt=moment) | Q(id__lt=pk))


def group_of(queue_key: str) -> str:
    """Return the group a queue key stands in."""
    return next(
        (name for name, (_title, first, end) in GROUPS.items() if first <= queue_key < end), "waiting"
    )


@dataclass(frozen=True)
class _Viewer:
    """Somebody, told apart by all that decides what they may read: an equal viewer sees the same tickets."""

    user_id: int
    scope: Scope
    user: User = field(compare=False)


def counters(user: User, departments: Iterable[Department], selection: Selection | None) -> dict[str, int]:
    """Count views, departments and the groups of the shown list, capped at 1,000, in ONE statement.

    Keys: `view:mine`, `department:3`, `group:stopped`.
    """
    viewer = _Viewer(user.pk, scope_of(user, "ticket_read"), user)
    names, sql, params = _counting(viewer, tuple(each.pk for each in departments), selection)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return dict(zip(names, cursor.fetchone(), strict=True))


@lru_cache(maxsize=256)
def _counting(
    viewer: _Viewer, departments: tuple[int, ...], selection: Selection | None
) -> tuple[list[str], str, list[Any]]:
    """Return what is counted, and the statement that counts it. Putting it together costs more than running it, and
    every page of a person asks the same, so it is kept; the numbers never are."""
    user = viewer.user
    wanted: dict[str, QuerySet] = {f"view:{name}": tickets_of(user, Selection(name)) for name in COUNTED}
    for department in departments:
        wanted[f"department:{department}"] = tickets_of(user, Selection(department=department))
    if selection is not None and not selection.finished:
        shown = tickets_of(user, selection)
        for name, (_title, first, end) in GROUPS.items():
            wanted[f"group:{name}"] = shown.filter(queue_key__gte=first, queue_key__lt=end)
    params: list[Any] = []
    parts = [_counted(queryset, params) for queryset in wanted.values()]
    return list(wanted), f"SELECT {', '.join(parts)}", params


def _counted(queryset: QuerySet, params: list[Any]) -> str:
    """Return the capped count of a queryset as a value of a statement; its parameters are added to `params`."""
    try:
        sql, values = queryset.order_by().values("pk")[: CAP + 1].query.sql_with_params()
    except EmptyResultSet:
        return "0"
    params += values
    return f"(SELECT count(*) FROM ({sql}) q)"  # noqa: S608 SQL the ORM compiled


def shown_count(number: int) -> str:
    """Return what a counter shows: the number, or `999+`."""
    return str(number) if number <= CAP else f"{CAP}+"


def mark_read(user: User, ticket: Ticket) -> None:
    """Remember that the user saw everything the ticket holds. One statement; never goes back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_ticketread (user_id, ticket_id, entry_id) VALUES (%s, %s, %s) "
            "ON CONFLICT (user_id, ticket_id) DO UPDATE "
            "SET entry_id = greatest(tickets_ticketread.entry_id, excluded.entry_id)",
            [user.pk, ticket.pk, ticket.last_entry_id],
        )
