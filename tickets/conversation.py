"""Decides how words enter a ticket: a customer's message, a reply, a note, and how a reply is taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from channels_inbox import files, outbox
from channels_inbox.adapters.base import ParsedMessage
from channels_inbox.models import Channel, InboundMessage, MessageAttachment, OutboundMessage
from helpdesk.lib.clock import app_now
from helpdesk.lib.together import insert_together
from helpdesk.people.models import Contact, ContactAddress, User
from tickets import events, lifecycle, mail_out
from tickets.models import (
    ChannelPolicy,
    EntryAttachment,
    EntryDelivery,
    MailReference,
    Participant,
    ThreadEntry,
    Ticket,
)
from tickets.permissions import require
from tickets.system_texts import fill, find_texts, values_for
from tickets.tracking import mint_link

MAX_STORED_REFERENCES = 50
UNDO_FACTS = ("status", "status_before", "unanswered", "waiting_since", "outcome", "resolved_at")


class NothingToSend(ValueError):
    """The message is empty, or there is nobody to send it to. Said to the person who wrote it."""


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

    Automatic mail adds its entry and changes nothing else (R-129). `opened`: the ticket was made for this very
    message, so its status is right already. Must run inside the caller's transaction.
    """
    entry = ThreadEntry(
        pk=ticket.last_entry_id if opened else None,
        ticket=ticket,
        kind=kind,
        contact=contact,
        channel=channel,
        inbound=inbound,
        subject=parsed.subject[:255],
        text=parsed.text,
        html=parsed.html,
        has_original=parsed.has_original,
        automatic=parsed.automatic,
        held=parsed.sender_unverified,
        message_id=parsed.message_id[:255],
        recipients=_people(parsed),
        idem_key=idem_key,
        created_at=now,
    )
    insert_together(entry, *_ids_of(ticket, parsed))
    _attach(entry, parsed)
    quiet = parsed.automatic or kind == ThreadEntry.Kind.BOUNCE
    changed = [] if quiet or opened else lifecycle.customer_wrote(ticket, now=now)
    if not opened or ticket.preview != preview_of(parsed.text):
        _touch(ticket, entry, changed)
    if not opened:
        events.record("customer_wrote", ticket, entry=entry, data={"automatic": parsed.automatic})
    return entry


def _people(parsed: ParsedMessage) -> dict[str, Any]:
    to = [[person.name, person.address] for person in parsed.recipients[:50]]
    cc = [[person.name, person.address] for person in parsed.copied[:50]]
    return {"to": to, "cc": cc, "from": [parsed.sender.name, parsed.sender.address] if parsed.sender else []}


def _attach(entry: ThreadEntry, parsed: ParsedMessage) -> None:
    if not parsed.attachments:
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
        for each in parsed.attachments
    ]
    attach_files(entry, MessageAttachment.objects.bulk_create(rows))


def attach_files(entry: ThreadEntry, attachments: Sequence[MessageAttachment]) -> None:
    """Link stored files to an entry."""
    EntryAttachment.objects.bulk_create([EntryAttachment(entry=entry, file=each) for each in attachments])


def _ids_of(ticket: Ticket, parsed: ParsedMessage) -> list[MailReference]:
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
        ticket = (
            Ticket.objects.select_for_update(no_key=True, of=("self",))
            .select_related("department", "channel")
            .get(pk=ticket.pk)
        )
        require(actor, "ticket_reply", ticket)
        standing = ThreadEntry.objects.filter(idem_key=idem_key).first() if idem_key else None
        if standing is not None:
            return standing
        if not text.strip() and not attachments:
            raise NothingToSend(_("Write the message before sending it."))
        before = {name: _plain(getattr(ticket, name)) for name in UNDO_FACTS}
        entry = _write(
            ticket, ThreadEntry.Kind.REPLY, actor=actor, text=text, attachments=attachments, idem_key=idem_key
        )
        to, cc = recipients_of(ticket, to_all=to_all)
        send(entry, ticket, to=to, cc=cc, agent=actor, hold_seconds=actor.undo_seconds)
        entry.recipients = {
            "to": [[r.contact.name, r.address] for r in to],
            "cc": [[r.contact.name, r.address] for r in cc],
        }
        entry.save(update_fields=["recipients"])
        _touch(ticket, entry, lifecycle.agent_replied(ticket, now=entry.created_at))
        events.record("replied", ticket, actor=actor, entry=entry, data={"before": before})
        if then and then != ticket.status:
            lifecycle.change_status(ticket, then, actor=actor, outcome=outcome, now=entry.created_at)
    return entry


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
        standing = ThreadEntry.objects.filter(idem_key=idem_key).first() if idem_key else None
        if standing is not None:
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


def recipients_of(
    ticket: Ticket, *, to_all: bool
) -> tuple[list[mail_out.Recipient], list[mail_out.Recipient]]:
    """Return (to, cc) of a reply: the customer, and with `to_all` everybody in copy; never an own address.

    Raises `NothingToSend` when the customer has no mail address.
    """
    own = set(Channel.objects.filter(kind="email").values_list("address", flat=True))
    people = Participant.objects.filter(ticket=ticket, removed=False).select_related("contact").order_by("id")
    wanted = [each for each in people if to_all or each.kind == Participant.Kind.REQUESTER]
    addresses: dict[int, str] = {}
    rows = ContactAddress.objects.filter(
        contact__in=[each.contact_id for each in wanted], kind="email"
    ).order_by("bounced_at", "id")
    for row in rows:
        addresses.setdefault(row.contact_id, row.value)
    reachable = [
        (each.kind, mail_out.Recipient(each.contact, addresses[each.contact_id]))
        for each in wanted
        if addresses.get(each.contact_id, "").lower() not in {"", *own}
    ]
    to = [recipient for kind, recipient in reachable if kind == Participant.Kind.REQUESTER]
    if not to:
        raise NothingToSend(_("This customer has no mail address. Add one before replying."))
    return to, [recipient for kind, recipient in reachable if kind != Participant.Kind.REQUESTER]


def send(
    entry: ThreadEntry,
    ticket: Ticket,
    *,
    to: Sequence[mail_out.Recipient],
    cc: Sequence[mail_out.Recipient] = (),
    agent: User | None = None,
    hold_seconds: float = 0,
    neutral: bool = False,
) -> list[OutboundMessage]:
    """Put an entry into the outbox, one row a recipient with its own id (customers: and link); frozen from here on.

    `neutral`: the address proved nothing, so neither subject nor name that a stranger typed is repeated to it (A23).
    """
    channel = (
        ticket.channel if ticket.channel and ticket.channel.kind == "email" else default_mail_channel(ticket)
    )
    language = to[0].contact.language
    texts = find_texts(["cabecalho_email", "rodape_email"], department=ticket.department, language=language)
    policy = ChannelPolicy.objects.filter(channel=channel).first()
    with translation.override(language):
        values = values_for(
            ticket, contact=to[0].contact, channel=channel, policy=policy, agent=agent, now=entry.created_at
        )
    outgoing = mail_out.Outgoing(
        ticket=ticket,
        channel=channel,
        subject=neutral_subject(ticket, language) if neutral else reply_subject(ticket),
        text=entry.text,
        header=fill(texts["cabecalho_email"], values),
        footer=fill(texts["rodape_email"], values),
        sender_name=f"{agent.name} · {values['installation.name']}" if agent else values["installation.name"],
        to=tuple(to),
        cc=tuple(cc),
        attachments=tuple(each.file for each in entry.attachments.select_related("file")),
        references=mail_out.known_references(ticket),
        written_at=entry.created_at,
        automatic=entry.kind == ThreadEntry.Kind.AUTO,
        markdown=entry.kind == ThreadEntry.Kind.REPLY,
        names_recipients=not neutral,
    )
    outbox.hold_places(channel, [recipient.address for recipient in [*to, *cc]])
    return [_enqueue(entry, outgoing, recipient, hold_seconds) for recipient in [*to, *cc]]


def _enqueue(
    entry: ThreadEntry, outgoing: mail_out.Outgoing, recipient: mail_out.Recipient, hold_seconds: float
) -> OutboundMessage:
    customer = recipient in outgoing.to
    link = mint_link(outgoing.ticket, recipient.contact) if customer else ""
    payload, message_id = mail_out.build(outgoing, recipient, link=link)
    auto = outgoing.automatic
    row = outbox.enqueue(
        channel=outgoing.channel,
        purpose=OutboundMessage.Purpose.AUTO if auto else OutboundMessage.Purpose.REPLY,
        idem_key=f"entry:{entry.pk}:{recipient.contact.pk}",
        payload=payload,
        message_id=message_id,
        recipient=recipient.address,
        subject=outgoing.subject,
        hold_seconds=hold_seconds,
    )
    EntryDelivery.objects.create(entry=entry, contact=recipient.contact, outbound=row)
    MailReference.objects.create(ticket=outgoing.ticket, message_id=message_id)
    return row


def reply_subject(ticket: Ticket) -> str:
    """Return the subject every mail of the ticket carries: the customer's own, with Re:, and the protocol."""
    subject = ticket.subject if ticket.subject.lower().startswith("re:") else f"Re: {ticket.subject}"
    return f"{subject} [{ticket.protocol}]"


def neutral_subject(ticket: Ticket, language: str) -> str:
    """Return a subject without a word of whoever wrote."""
    with translation.override(language):
        return _("Ticket %(protocol)s") % {"protocol": ticket.protocol}


def default_mail_channel(ticket: Ticket) -> Channel:
    """Return the department's mailbox, else any mailbox. Raises `NothingToSend` when there is none."""
    policies = ChannelPolicy.objects.filter(channel__kind="email", channel__enabled=True).select_related(
        "channel"
    )
    policy = policies.filter(department=ticket.department).first() or policies.first()
    if policy is None:
        raise NothingToSend(_("There is no mailbox to send from. An administrator must add one."))
    return policy.channel


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
