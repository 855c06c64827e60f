"""Decides what is recorded of a ticket and who must react: one registry of event kinds and their consumers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _
from psycopg2.extras import Json

from channels_inbox.tasks import ring_after_commit
from helpdesk.people.models import User
from tickets.models import Reaction, ThreadEntry, Ticket, TicketEvent


@dataclass(frozen=True)
class EventKind:
    """How an event reads on screen, who reacts to it, and which of its data may be erased on request (LGPD)."""

    sentence: Any
    consumers: tuple[str, ...] = ("live",)
    personal: tuple[str, ...] = ()
    shown: bool = True


KINDS: Mapping[str, EventKind] = {
    "ticket_opened": EventKind(_("opened the ticket"), ("live", "acknowledge")),
    "customer_wrote": EventKind("", ("live",), shown=False),
    "replied": EventKind("", shown=False),
    "noted": EventKind("", shown=False),
    "auto_sent": EventKind("", shown=False),
    "reply_withdrawn": EventKind(_("took the reply back before it left")),
    "status_changed": EventKind(_("changed the status to %(to)s")),
    "assigned": EventKind(_("assigned to %(to)s")),
    "unassigned": EventKind(_("left it without an agent")),
    "department_changed": EventKind(_("moved from %(from)s to %(to)s")),
    "trio_changed": EventKind(_("updated now, next step and when")),
    "delivery_changed": EventKind("", shown=False),
    "bounced": EventKind(_("a message to %(to)s came back"), personal=("to",)),
    "follow_up_joined": EventKind(_("joined the message to %(to)s")),
    "follow_up_apart": EventKind(_("kept it apart from %(to)s")),
    "links_revoked": EventKind(_("cancelled the old tracking links")),
    "identified": EventKind(_("identified the customer")),
    "priority_changed": EventKind(_("changed the priority to %(to)s")),
}


# One statement for the event and its reactions: every message, reply and change passes here.
RECORD = """
WITH event AS (
  INSERT INTO tickets_ticketevent (ticket_id, kind, actor_id, entry_id, data, at)
  VALUES (%s, %s, %s, %s, %s, app_now()) RETURNING id, at
), reactions AS (
  INSERT INTO tickets_reaction (event_id, consumer, state, attempts, next_at, last_error)
  SELECT event.id, consumer, 'new', 0, event.at, '' FROM event, unnest(%s::text[]) AS consumer
)
SELECT id, at FROM event
"""


def record(
    kind: str,
    ticket: Ticket,
    *,
    actor: User | None = None,
    entry: ThreadEntry | None = None,
    data: dict[str, Any] | None = None,
    skip: tuple[str, ...] = (),
) -> TicketEvent:
    """Append an event and the reactions it asks for, in the caller's transaction; the bell rings after commit.

    `skip` names consumers that have nothing to do this time (an automatic mail is never acknowledged).
    """
    consumers = [name for name in KINDS[kind].consumers if name not in skip]
    event = TicketEvent(kind=kind, ticket=ticket, actor=actor, entry=entry, data=data or {})
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD,
            [ticket.pk, kind, event.actor_id, event.entry_id, Json(event.data), consumers],
        )
        event.pk, event.at = cursor.fetchone()
    if consumers:
        ring()
    return event


def rows_of(
    kind: str,
    ticket: Ticket,
    *,
    event_id: int,
    actor: User | None = None,
    entry: ThreadEntry | None = None,
    data: dict[str, Any] | None = None,
    skip: tuple[str, ...] = (),
) -> list[TicketEvent | Reaction]:
    """Return the unsaved event (with its reserved key) and its reactions, to be written beside other rows.

    Whoever writes them calls `ring` as well.
    """
    event = TicketEvent(pk=event_id, kind=kind, ticket=ticket, actor=actor, entry=entry, data=data or {})
    reactions = [Reaction(event=event, consumer=name) for name in KINDS[kind].consumers if name not in skip]
    return [event, *reactions]


def ring() -> None:
    """Wake the reactions once the caller's transaction is committed."""
    from tickets.tasks import react

    ring_after_commit(react)
