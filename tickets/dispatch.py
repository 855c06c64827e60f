"""Decides to whom an entry is mailed and what the mail says around its words: from here on it is frozen."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from channels_inbox import outbox
from channels_inbox.models import Channel, OutboundMessage
from helpdesk.lib.clock import AppNow
from helpdesk.people.models import Contact, ContactAddress, User
from tickets import mail_out
from tickets.models import ChannelPolicy, EntryDelivery, MailReference, Participant, ThreadEntry, Ticket
from tickets.system_texts import fill, find_texts, values_for
from tickets.tracking import mint_link

AUTOMATIC_AN_HOUR = 3


class NothingToSend(ValueError):
    """The message is empty, or there is nobody to send it to. Said to the person who wrote it."""


def automatic_lately(contact_id: int) -> QuerySet[EntryDelivery]:
    """Return what went to a person by itself in the last hour: at most `AUTOMATIC_AN_HOUR` may (A23, R-129)."""
    return EntryDelivery.objects.filter(
        contact=contact_id,
        entry__kind=ThreadEntry.Kind.AUTO,
        entry__created_at__gt=AppNow() - timedelta(hours=1),
    )


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
    ).order_by(F("bounced_at").asc(nulls_first=True), "id")
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
    contact = to[0].contact
    header, footer, company = _words_around(entry, ticket, contact=contact, channel=channel, agent=agent)
    outgoing = mail_out.Outgoing(
        ticket=ticket,
        channel=channel,
        subject=neutral_subject(ticket, contact.language) if neutral else reply_subject(ticket),
        text=entry.text,
        header=header,
        footer=footer,
        sender_name=f"{agent.name} · {company}" if agent else company,
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


def _words_around(
    entry: ThreadEntry, ticket: Ticket, *, contact: Contact, channel: Channel, agent: User | None
) -> tuple[str, str, str]:
    """Return (header, footer, company name) as the first recipient reads them."""
    keys = ["cabecalho_email", "rodape_email"]
    texts = find_texts(keys, department=ticket.department, language=contact.language)
    policy = ChannelPolicy.objects.filter(channel=channel).first()
    with translation.override(contact.language):
        values = values_for(
            ticket, contact=contact, channel=channel, policy=policy, agent=agent, now=entry.created_at
        )
    header, footer = (fill(texts[key], values) for key in keys)
    return header, footer, values["installation.name"]


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
