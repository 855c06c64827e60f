"""Decides how a ticket starts at our end: somebody writes first, or registers what was said (R-003, R-077)."""

from collections.abc import Sequence

from django.db import transaction

from channels_inbox.models import Channel, MessageAttachment
from helpdesk.lib.clock import app_now
from helpdesk.people.contacts import canonical_email, identify
from helpdesk.people.models import Contact, User
from tickets import conversation, events, lifecycle
from tickets.models import ChannelPolicy, Department, ThreadEntry, Ticket
from tickets.models.ticket import Status
from tickets.permissions import may_in_department, require

MAX_SUBJECT = 80


def start_ticket(
    *,
    actor: User,
    name: str,
    email: str,
    department: Department,
    subject: str,
    message: str,
    send_mail: bool,
    stopped: bool = False,
    attachments: Sequence[MessageAttachment] = (),
    idem_key: str,
) -> Ticket:
    """Open a ticket by hand; return it (the same one when `idem_key` repeats).

    `send_mail`: the message is the first mail to the customer, and the ticket waits for the answer with the actor
    as its agent. Otherwise it stands as an internal note. Without an address the contact is a new one and the
    ticket is marked `identification_pending` (R-003). Raises `PermissionDenied`, `dispatch.NothingToSend`.
    """
    require(actor, "ticket_create")
    standing = ThreadEntry.objects.filter(idem_key=idem_key).select_related("ticket").first()
    if standing is not None:
        return standing.ticket
    with transaction.atomic():
        ticket = lifecycle.open_ticket(
            contact=_contact(name, email),
            department=department,
            subject=subject.strip() or " ".join(message.split())[:MAX_SUBJECT],
            now=app_now(),
            channel=_mailbox(department) if email else None,
            actor=actor,
            acknowledge=False,
            stopped=stopped,
            assignee=actor if _works_in(actor, department) else None,
        )
        _write_first(
            ticket, actor, message=message, attachments=attachments, send_mail=send_mail, idem_key=idem_key
        )
    return ticket


def _contact(name: str, email: str) -> Contact:
    name = " ".join(name.split())[:200]
    if email:
        return identify("email", canonical_email(email)[:320], name=name)[0]
    return Contact.objects.create(name=name)


def _mailbox(department: Department) -> Channel | None:
    policies = ChannelPolicy.objects.filter(
        department=department, channel__kind="email", channel__enabled=True
    )
    policy = policies.select_related("channel").first()
    return policy.channel if policy else None


def _works_in(actor: User, department: Department) -> bool:
    return may_in_department(actor, "ticket_reply", department.pk)


def _write_first(
    ticket: Ticket,
    actor: User,
    *,
    message: str,
    attachments: Sequence[MessageAttachment],
    send_mail: bool,
    idem_key: str,
) -> None:
    """Write the first entry. Who opens a ticket for another department may say why, but not write in its name."""
    if send_mail:
        conversation.reply(
            ticket,
            actor=actor,
            text=message,
            attachments=attachments,
            idem_key=idem_key,
            then=Status.WAITING_CUSTOMER,
        )
        return
    text = message.replace("\x00", "").strip()
    note = ThreadEntry.objects.create(
        ticket=ticket,
        kind=ThreadEntry.Kind.NOTE,
        author=actor,
        text=text,
        idem_key=idem_key,
        created_at=ticket.created_at,
    )
    conversation.attach_files(note, attachments)
    ticket.last_entry_id, ticket.preview = note.pk, " ".join(text.split())[:160]
    ticket.save(update_fields=["last_entry_id", "preview"])
    events.record("noted", ticket, actor=actor, entry=note)
