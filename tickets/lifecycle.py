"""Decides every status a ticket may take, and is the only writer of `Ticket.status` (R-006, D.8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from channels_inbox.models import Channel
from helpdesk.lib.clock import app_now
from helpdesk.lib.together import OneStatement
from helpdesk.people.models import Contact, User
from tickets import events
from tickets.models import Department, Participant, Ticket
from tickets.models.ticket import FINISHED, Outcome, Priority, Status
from tickets.permissions import require

MOVES: dict[str, frozenset[str]] = {
    Status.NEW: frozenset({"open", "waiting_customer", "waiting_department", "scheduled", "resolved"}),
    Status.OPEN: frozenset({"waiting_customer", "waiting_department", "scheduled", "resolved"}),
    Status.WAITING_CUSTOMER: frozenset({"open", "waiting_department", "scheduled", "resolved"}),
    Status.WAITING_DEPARTMENT: frozenset({"return_to_confirm", "open"}),
    Status.RETURN_TO_CONFIRM: frozenset({"open", "waiting_customer", "waiting_department", "resolved"}),
    Status.SCHEDULED: frozenset({"open", "waiting_customer", "resolved"}),
    Status.RESOLVED: frozenset({"open", "closed"}),
    Status.CLOSED: frozenset({"open"}),
}
COUNT = """
WITH counter AS (
  INSERT INTO tickets_protocolcounter AS c (year, last) VALUES (%(year)s, %(count)s)
  ON CONFLICT (year) DO UPDATE SET last = c.last + %(count)s RETURNING last
)
SELECT counter.last - %(count)s + n, nextval('tickets_ticket_id_seq'), nextval('tickets_threadentry_id_seq'),
       nextval('tickets_ticketevent_id_seq')
  FROM counter, generate_series(1, %(count)s) AS n
"""
CUSTOMER_REOPENS = frozenset({Status.WAITING_CUSTOMER, Status.RESOLVED, Status.CLOSED})
QUEUE_GROUP = {Status.WAITING_CUSTOMER: 4, Status.WAITING_DEPARTMENT: 4, Status.SCHEDULED: 4}


class InvalidMove(ValueError):
    """The table of D.8 has no such move; nothing was changed."""

    code = "invalid_move"

    def __init__(self, ticket: Ticket, to: str) -> None:
        self.message = _("A ticket in “%(from)s” cannot go to “%(to)s”.") % {
            "from": ticket.get_status_display(),
            "to": Status(to).label if to in Status.values else to,
        }
        super().__init__(self.message)


@dataclass(frozen=True)
class Numbers:
    """What a new ticket needs before it is written: its protocol, and the keys of its first rows."""

    protocol: str
    ticket_id: int
    entry_id: int
    event_id: int


@dataclass(frozen=True)
class Opening:
    """A ticket about to be written, by whom, and whether its customer is told that it was opened."""

    ticket: Ticket
    actor: User | None
    acknowledge: bool


def next_protocol(now: datetime) -> str:
    """Take the next number of the local year (R-002). The counter row stays locked until the caller commits."""
    return _take_numbers(1, now)[0].protocol


def _take_numbers(count: int, now: datetime) -> list[Numbers]:
    year = now.astimezone(ZoneInfo(settings.TIME_ZONE)).year
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"year": year, "count": count})
        return [Numbers(f"{year % 100:02d}-{number}", *keys) for number, *keys in cursor.fetchall()]


def open_ticket(
    *,
    contact: Contact,
    department: Department,
    subject: str,
    now: datetime,
    **facts: Any,
) -> Ticket:
    """Open a ticket for a contact, in the caller's transaction; nobody is refused (R-001, R-003).

    `facts` are those of `prepare`. `last_entry_id` of the new ticket is reserved for its first entry, which the
    caller adds with that id.
    """
    opening = prepare(contact=contact, department=department, subject=subject, now=now, **facts)
    statement = OneStatement()
    open_all([opening], statement)
    statement.run()
    return opening.ticket


def prepare(
    *,
    contact: Contact,
    department: Department,
    subject: str,
    now: datetime,
    channel: Channel | None = None,
    actor: User | None = None,
    acknowledge: bool = True,
    stopped: bool = False,
    **facts: Any,
) -> Opening:
    """Return a ticket to be opened, not numbered yet. `stopped`: the customer's operation stands still (R-016)."""
    pending = not (contact.name and subject.strip() and (contact.organization_id or contact.not_a_customer))
    ticket = Ticket(
        subject=subject.strip()[:255] or _("(no subject)"),
        department=department,
        contact=contact,
        channel=channel,
        identification_pending=pending,
        operation_stopped=stopped,
        priority=Priority.CRITICAL if stopped else Priority.NORMAL,
        created_at=now,
        updated_at=now,
        waiting_since=now,
        **facts,
    )
    ticket.queue_key = queue_key(ticket)
    return Opening(ticket, actor, acknowledge and not ticket.held)


def open_all(openings: Sequence[Opening], statement: OneStatement) -> None:
    """Number tickets and add them to the statement, each with its customer, its event and what follows from it.

    The counter row of the year stays locked until the caller commits: run the statement soon.
    """
    if not openings:
        return
    now = openings[0].ticket.created_at
    for opening, numbers in zip(openings, _take_numbers(len(openings), now), strict=True):
        ticket = opening.ticket
        ticket.pk, ticket.protocol, ticket.last_entry_id = (
            numbers.ticket_id,
            numbers.protocol,
            numbers.entry_id,
        )
        skip = () if opening.acknowledge else ("acknowledge",)
        happened = events.rows_of(
            "ticket_opened", ticket, actor=opening.actor, event_id=numbers.event_id, skip=skip
        )
        statement.insert(ticket, Participant(ticket=ticket, contact_id=ticket.contact_id), *happened)
    events.ring()


def queue_key(ticket: Ticket) -> str:
    """Return the key that orders every queue: stopped first, then who waits for us, oldest first (R-013)."""
    group = 2 if ticket.unanswered else QUEUE_GROUP.get(ticket.status, 3)  # type: ignore[call-overload]  # status is one of Status
    moment = ticket.waiting_since or ticket.updated_at
    return f"{0 if ticket.operation_stopped else 1}{group}{int(moment.timestamp()):012d}"


def requeue(ticket: Ticket) -> None:
    """Set (not save) the queue key after a fact it depends on changed."""
    ticket.queue_key = queue_key(ticket)


def change_status(
    ticket: Ticket, to: str, *, actor: User | None, outcome: str = "", now: datetime | None = None
) -> Ticket:
    """Move a ticket along the table of D.8; return it as stored.

    Resolving names an outcome (default: solved). Closed tickets are reopened by a leader or by the customer.
    Raises `InvalidMove`; `PermissionDenied` when the actor has not the right.
    """
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        _check_move(ticket, to, actor)
        if to == ticket.status:
            return ticket
        _set_status(ticket, to, outcome=outcome, now=now or app_now())
        events.record("status_changed", ticket, actor=actor, data={"to": to, "outcome": ticket.outcome})
    return ticket


def _check_move(ticket: Ticket, to: str, actor: User | None) -> None:
    if to == ticket.status:
        return
    if to not in MOVES[ticket.status]:
        raise InvalidMove(ticket, to)
    if actor is None:
        return
    if ticket.status == Status.CLOSED:
        require(actor, "ticket_reopen_closed", ticket)
    require(actor, "ticket_resolve" if to in FINISHED else "ticket_reply", ticket)


def _set_status(ticket: Ticket, to: str, *, outcome: str, now: datetime) -> None:
    ticket.status_before, ticket.status = ticket.status, to
    ticket.updated_at = now
    if to == Status.RESOLVED:
        ticket.outcome = outcome if outcome in Outcome.values else Outcome.SOLVED
        ticket.resolved_at, ticket.unanswered, ticket.waiting_since = now, False, None
    elif to == Status.CLOSED:
        ticket.closed_at = now
    else:
        ticket.outcome, ticket.resolved_at, ticket.closed_at = "", None, None
        if to == Status.WAITING_CUSTOMER:  # whoever says that the customer's turn has come has answered
            ticket.unanswered, ticket.waiting_since = False, None
    requeue(ticket)
    ticket.save(
        update_fields=[
            "status", "status_before", "updated_at", "outcome", "resolved_at", "closed_at",
            "unanswered", "waiting_since", "queue_key",
        ]
    )  # fmt: skip


def customer_wrote(ticket: Ticket, *, now: datetime) -> list[str]:
    """Set (not save) what a customer's message does to a locked ticket (D.8); return the changed fields.

    Waiting, resolved and closed tickets reopen; elsewhere the status stays. The ticket becomes unanswered; an
    already waiting one keeps its place (R-013).
    """
    if ticket.status in CUSTOMER_REOPENS:
        ticket.status_before, ticket.status = ticket.status, Status.OPEN
        ticket.outcome, ticket.resolved_at, ticket.closed_at = "", None, None
    if not ticket.unanswered or ticket.waiting_since is None:
        ticket.unanswered, ticket.waiting_since = True, now
    ticket.updated_at = now
    requeue(ticket)
    return [
        "status", "status_before", "outcome", "resolved_at", "closed_at", "unanswered", "waiting_since",
        "updated_at", "queue_key",
    ]  # fmt: skip


def agent_replied(ticket: Ticket, *, now: datetime) -> list[str]:
    """Set (not save) what a public reply does: nobody waits for us any more; a new ticket is in progress."""
    if ticket.status == Status.NEW:
        ticket.status_before, ticket.status = ticket.status, Status.OPEN
    ticket.unanswered, ticket.waiting_since, ticket.updated_at = False, None, now
    requeue(ticket)
    return ["status", "status_before", "unanswered", "waiting_since", "updated_at", "queue_key"]


def restore(ticket: Ticket, facts: dict[str, Any]) -> None:
    """Put back the facts an undone reply changed (R-083); the caller holds the ticket's lock."""
    for name, value in facts.items():
        setattr(ticket, name, value)
    requeue(ticket)
    ticket.save(update_fields=[*facts, "queue_key"])


def mark_stopped(ticket: Ticket) -> None:
    """The customer's operation stopped: the ticket, locked by the caller, goes to the top as critical (R-016)."""
    if ticket.operation_stopped or ticket.finished:
        return
    ticket.operation_stopped, ticket.priority = True, Priority.CRITICAL
    requeue(ticket)
    ticket.save(update_fields=["operation_stopped", "priority", "queue_key"])
    events.record("priority_changed", ticket, data={"to": Priority.CRITICAL})


def merge_away(ticket: Ticket, target: Ticket, *, actor: User) -> None:
    """Finish a ticket as a duplicate of another (D.8 extra move); both are locked by the caller."""
    ticket.merged_into, ticket.follow_up_decision = target, "joined"
    ticket.save(update_fields=["merged_into", "follow_up_decision"])
    _set_status(ticket, Status.RESOLVED, outcome=Outcome.DUPLICATE, now=app_now())


def reopen_for_customer(ticket: Ticket) -> None:
    """Apply what a customer's message does to a ticket locked by the caller, and store it."""
    ticket.save(update_fields=customer_wrote(ticket, now=app_now()))


def close_resolved(ticket: Ticket, *, now: datetime) -> None:
    """Close a resolved ticket by the clock (D.8 auto); no guard holds what the system does by itself."""
    _set_status(ticket, Status.CLOSED, outcome=ticket.outcome, now=now)
    events.record("status_changed", ticket, data={"to": Status.CLOSED, "outcome": ticket.outcome})
