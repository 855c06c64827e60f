"""Decides how words enter a ticket: a customer's message, a reply, a note, and how a reply is taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from channels_inbox import files, outbox
from channels_inbox.adapters.base import Attachment, ParsedMessage
from channels_inbox.models import Channel, InboundMessage, MessageAttachment, OutboundMessage
from helpdesk.lib.clock import app_now
from helpdesk.lib.together import insert_together
from helpdesk.people.models import Contact, User
from tickets import events, lifecycle
from tickets.dispatch import NothingToSend, recipients_of, send
from tickets.mail_out import Recipient
from tickets.models import (
    EntryAttachment,
    MailReference,
    ThreadEntry,
    Ticket,
)
from tickets.permissions import require

MAX_STORED_REFERENCES = 50
UNDO_FACTS = ("status", "status_before", "unanswered", "waiting_since", "outcome", "resolved_at")


def add_customer_message(
    ticket: Ticket,
    *,
    contact: Contact | None,
    parsed: ParsedMessage,
    now: datetime,
    channel: Channel | None,
    inbound: InboundMessage | None = None,
    kind: str = ThreadEntry.Kind.CUSTOMER,
    opened: bool = False,
    idem_key: str | None = None,
) -> ThreadEntry:
    """Add what arrived to a ticket (locked, or just opened), with files, mail ids, status and event.

    Automatic mail and bounces leave status and waiting time alone (R-129). `opened`: the ticket was made for this very
    message, so its status is right already. Must run inside the caller's transaction.
    """
    entry = ThreadEntry(
        pk=ticket.last_entry_id if opened else None,
        ticket=ticket,
        kind=kind,
        contact=contact,
        channel=channel,
        inbound=inbound,
        idem_key=idem_key,
        created_at=now,
        **_said(parsed),
    )
    insert_together(entry, *ids_of(ticket, parsed))
    attach_new(entry, parsed.attachments)
    quiet = parsed.automatic or kind == ThreadEntry.Kind.BOUNCE
    changed = [] if quiet or opened else lifecycle.customer_wrote(ticket, now=now)
    if not opened or ticket.preview != preview_of(parsed.text):
        _touch(ticket, entry, changed)
    if not opened:
        events.record("customer_wrote", ticket, entry=entry, data={"automatic": parsed.automatic})
    return entry


def _said(parsed: ParsedMessage) -> dict[str, Any]:
    """Return the columns of an entry that are the message's own."""
    return {
        "subject": parsed.subject[:255],
        "text": parsed.text,
        "html": parsed.html,
        "has_original": parsed.has_original,
        "automatic": parsed.automatic,
        "held": parsed.sender_unverified,
        "message_id": parsed.message_id[:255],
        "recipients": _people(parsed),
    }


def _people(parsed: ParsedMessage) -> dict[str, Any]:
    to = [[person.name, person.address] for person in parsed.recipients[:50]]
    cc = [[person.name, person.address] for person in parsed.copied[:50]]
    return {"to": to, "cc": cc, "from": [parsed.sender.name, parsed.sender.address] if parsed.sender else []}


def attach_new(entry: ThreadEntry, attachments: Sequence[Attachment]) -> None:
    """Keep the files of a message and link them to its entry."""
    if not attachments:
        return
    rows = [
        files.new_attachment(
            each.content,
            name=each.name,
            content_type=each.content_type,
            inline=each.inline,
            content_id=each.content_id,
            sha256=each.sha256,
        )
        for each in attachments
    ]
    attach_files(entry, MessageAttachment.objects.bulk_create(rows))


def attach_files(entry: ThreadEntry, attachments: Sequence[MessageAttachment]) -> None:
    """Link stored files to an entry."""
    EntryAttachment.objects.bulk_create([EntryAttachment(entry=entry, file=each) for each in attachments])


def ids_of(ticket: Ticket, parsed: ParsedMessage) -> list[MailReference]:
    """Return the ids this mail is known by, and those it names, so that a late root finds its answer (R-128)."""
    rows = [MailReference(ticket=ticket, message_id=parsed.message_id[:255])] if parsed.message_id else []
    named = parsed.references[:MAX_STORED_REFERENCES]
    return rows + [MailReference(ticket=ticket, message_id=each[:255], own=False) for each in named]


def _touch(ticket: Ticket, entry: ThreadEntry, changed: list[str]) -> None:
    ticket.last_entry_id = entry.pk
    ticket.preview = preview_of(entry.text)
    ticket.save(update_fields=["last_entry_id", "preview", *changed])


def preview_of(text: str) -> str:
    """Return the line a list shows of a message."""
    return " ".join(text[:1000].split())[:160]


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
        _touch(ticket, entry, lifecycle.agent_replied(ticket, now=entry.created_at))
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
