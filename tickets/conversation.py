"""Decides how the team's words enter a ticket: a reply, a note, and how a reply is taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from channels_inbox import outbox
from channels_inbox.models import MessageAttachment, OutboundMessage
from helpdesk.lib.clock import app_now
from helpdesk.lib.together import OneStatement
from helpdesk.people.models import User
from tickets import events, lifecycle
from tickets.dispatch import NothingToSend, recipients_of, send
from tickets.letters import attach_files, touch
from tickets.mail_out import Recipient
from tickets.models import ThreadEntry, Ticket
from tickets.permissions import require

UNDO_FACTS = ("status", "status_before", "unanswered", "waiting_since", "outcome", "resolved_at")


def reply(
    ticket: Ticket,
    *,
    actor: User,
    text: str,
    to_all: bool = True,
    attachments: Sequence[MessageAttachment] = (),
    idem_key: str | None = None,
    then: str = "",
    outcome: str = "",
) -> ThreadEntry:
    """Write a public reply: entry, one outbox row a recipient, event, status, all in one transaction.

    `then` is the status afterwards (`waiting_customer`, `resolved`, '' = in progress). The rows wait the author's
    undo window before they may leave (R-083). Repeating `idem_key` returns the standing entry. Raises
    `NothingToSend`, `PermissionDenied`, `lifecycle.InvalidMove`.
    """
    with transaction.atomic():
        locked = Ticket.objects.select_for_update(no_key=True, of=("self",))
        ticket = locked.select_related("department", "channel").get(pk=ticket.pk)
        require(actor, "ticket_reply", ticket)
        if standing := _standing(idem_key):
            return standing
        if not text.strip() and not attachments:
            raise NothingToSend(_("Write the message before sending it."))
        before = {name: _plain(getattr(ticket, name)) for name in UNDO_FACTS}
        entry = _write(
            ticket, ThreadEntry.Kind.REPLY, actor=actor, text=text, attachments=attachments, idem_key=idem_key
        )
        to, cc = recipients_of(ticket, to_all=to_all)
        send(entry, ticket, to=to, cc=cc, agent=actor, hold_seconds=actor.undo_seconds)
        entry.recipients = {"to": _named(to), "cc": _named(cc)}
        entry.save(update_fields=["recipients"])
        statement = OneStatement()
        touch(ticket, entry, lifecycle.agent_replied(ticket, now=entry.created_at), statement)
        statement.run()
        events.record("replied", ticket, actor=actor, entry=entry, data={"before": before})
        if then and then != ticket.status:
            lifecycle.change_status(ticket, then, actor=actor, outcome=outcome, now=entry.created_at)
    return entry


def _standing(idem_key: str | None) -> ThreadEntry | None:
    return ThreadEntry.objects.filter(idem_key=idem_key).first() if idem_key else None


def _named(people: Sequence[Recipient]) -> list[list[str]]:
    return [[each.contact.name, each.address] for each in people]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def add_note(
    ticket: Ticket,
    *,
    actor: User,
    text: str,
    attachments: Sequence[MessageAttachment] = (),
    idem_key: str | None = None,
) -> ThreadEntry:
    """Write an internal note: it never leaves, and never stands on a customer's page. Raises as `reply`."""
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        require(actor, "ticket_note", ticket)
        if standing := _standing(idem_key):
            return standing
        if not text.strip() and not attachments:
            raise NothingToSend(_("Write the note before saving it."))
        entry = _write(
            ticket, ThreadEntry.Kind.NOTE, actor=actor, text=text, attachments=attachments, idem_key=idem_key
        )
        ticket.last_entry_id = entry.pk
        ticket.save(update_fields=["last_entry_id"])
        events.record("noted", ticket, actor=actor, entry=entry)
    return entry


def _write(
    ticket: Ticket,
    kind: str,
    *,
    actor: User | None,
    text: str,
    attachments: Sequence[MessageAttachment] = (),
    idem_key: str | None = None,
) -> ThreadEntry:
    entry = ThreadEntry.objects.create(
        ticket=ticket,
        kind=kind,
        author=actor,
        channel=ticket.channel,
        text=text.replace("\x00", "").strip(),
        idem_key=idem_key,
        created_at=app_now(),
    )
    if attachments:
        attach_files(entry, attachments)
    return entry


def withdraw(entry: ThreadEntry, *, actor: User) -> bool:
    """Take back a reply nobody has claimed for sending yet; True when it was in time (R-083).

    Text and status return; the entry stays as withdrawn and is shown to nobody outside. Raises
    `PermissionDenied` when the reply is somebody else's.
    """
    if entry.author_id != actor.pk:
        raise PermissionDenied("reply of somebody else")
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=entry.ticket_id)
        rows = OutboundMessage.objects.filter(pk__in=entry.deliveries.values("outbound"))
        if entry.withdrawn or not outbox.cancel(rows):
            transaction.set_rollback(True)
            return False
        ThreadEntry.objects.filter(pk=entry.pk).update(withdrawn=True)
        event = ticket.events.filter(kind="replied", entry=entry).first()
        lifecycle.restore(ticket, _restored(event.data.get("before", {}) if event else {}))
        events.record("reply_withdrawn", ticket, actor=actor)
    return True


def _restored(before: dict[str, Any]) -> dict[str, Any]:
    moments = {"waiting_since", "resolved_at"}
    return {
        k: datetime.fromisoformat(v) if k in moments and v else v
        for k, v in before.items()
        if k in UNDO_FACTS
    }
