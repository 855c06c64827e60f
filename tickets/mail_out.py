"""Decides what an outgoing mail looks like: multipart, one conversation in every mail program, a link of its own.

Every recipient gets an own message with the same To and Cc, an own signed Message-ID and an own tracking link.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation

from channels_inbox.files import read
from channels_inbox.mailbox_ids import new_message_id, reply_address
from channels_inbox.models import Channel, MessageAttachment
from helpdesk.lib.html import markdown_to_html, text_to_html
from helpdesk.people.models import Contact
from tickets.models import MailReference, Ticket

MAX_REFERENCES = 20
_ID = re.compile(r"[!-;=?-~]{3,250}")  # printable, without white space and brackets
_SIGNS = re.compile(r"[()<>\[\]:;@\\,\"]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True)
class Recipient:
    """One person a mail goes to."""

    contact: Contact
    address: str


@dataclass(frozen=True)
class Outgoing:
    """Everything one message says; the same for all its recipients but the link and the id."""

    ticket: Ticket
    channel: Channel
    subject: str
    text: str
    header: str
    footer: str
    sender_name: str
    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...] = ()
    attachments: tuple[MessageAttachment, ...] = ()
    references: tuple[str, ...] = ()
    written_at: datetime = field(default_factory=timezone.now)
    automatic: bool = False
    markdown: bool = True
    names_recipients: bool = True


def clean_header(value: str, *, limit: int = 200) -> str:
    """Return a value safe for one header line: no control characters, no line breaks, bounded (A18).

    Nor an encoded word: Python's `email` decodes what a stranger encoded, and writes its line break out.
    """
    return _CONTROL.sub(" ", value).replace("=?", "= ?").strip()[:limit]


def mail_address(name: str, address: str) -> Address:
    """Return an address for a header. The name keeps no sign that means something there: when Python's `email`
    folds a long line it forgets the quotes around it, and `Marina: mau@fora.example` would be an address (A18)."""
    plain = " ".join(_SIGNS.sub(" ", clean_header(name)).split())
    return Address(display_name=plain[:80], addr_spec=clean_header(address, limit=254))


def mail_ids(ids: Iterable[str]) -> str:
    """Return Message-IDs as a header holds them; one that is no plain word is left out (A18)."""
    return " ".join(f"<{each}>" for each in ids if _ID.fullmatch(each) and "=?" not in each)


def mail_domain(channel: Channel) -> str:
    """Return the domain our Message-IDs carry: the channel's own, so that the mail is one of its domain."""
    return channel.address.partition("@")[2] or settings.MAIL_DOMAIN


def known_references(ticket: Ticket) -> tuple[str, ...]:
    """Return the last ids of the conversation, oldest first, for `References`."""
    ids = (
        MailReference.objects.filter(ticket=ticket, own=True)
        .order_by("-id")
        .values_list("message_id", flat=True)
    )
    return tuple(reversed(ids[:MAX_REFERENCES]))


def build(outgoing: Outgoing, recipient: Recipient, *, link: str) -> tuple[bytes, str]:
    """Return (frozen bytes, Message-ID) of the message for one recipient. Pure but for reading attachments."""
    message_id = new_message_id(
        outgoing.ticket.pk, recipient.contact.pk, domain=mail_domain(outgoing.channel)
    )
    message = EmailMessage(policy=SMTP)
    _set_headers(message, outgoing, recipient, message_id)
    header, text, footer = (
        _with_link(part, link) for part in (outgoing.header, outgoing.text, outgoing.footer)
    )
    parts = [part for part in (header, text, footer and f"--\n{footer}") if part]
    message.set_content("\n\n".join(parts) + "\n", cte="quoted-printable")
    with translation.override(recipient.contact.language):
        html = render_to_string(
            "mail/message.html",
            {
                "header": text_to_html(header),
                "body": markdown_to_html(text) if outgoing.markdown else text_to_html(text),
                "footer": text_to_html(footer),
                "link": link,
                "protocol": outgoing.ticket.protocol,
            },
        )
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    for attachment in outgoing.attachments:
        maintype, _slash, subtype = attachment.content_type.partition("/")
        message.add_attachment(
            read(attachment.sha256),
            maintype=maintype,
            subtype=subtype or "octet-stream",
            filename=clean_header(attachment.name),
        )
    return message.as_bytes(), message_id


LINK_MARK = "\ue000link\ue001"  # stands for the recipient's own link until the message is built


def _with_link(text: str, link: str) -> str:
    """Put the recipient's link in; somebody in copy gets none, and no line that speaks of it (A11)."""
    if link:
        return text.replace(LINK_MARK, link)
    return "\n".join(line for line in text.split("\n") if LINK_MARK not in line)


def _set_headers(message: EmailMessage, outgoing: Outgoing, recipient: Recipient, message_id: str) -> None:
    channel, ticket = outgoing.channel, outgoing.ticket
    message["From"] = mail_address(outgoing.sender_name, channel.address)
    named = outgoing.names_recipients
    message["To"] = [mail_address(each.contact.name if named else "", each.address) for each in outgoing.to]
    if outgoing.cc:
        message["Cc"] = [mail_address(each.contact.name if named else "", each.address) for each in outgoing.cc]
    message["Reply-To"] = mail_address(
        outgoing.sender_name, reply_address(channel.address, ticket.pk, recipient.contact.pk)
    )
    message["Subject"] = clean_header(outgoing.subject)
    message["Date"] = format_datetime(outgoing.written_at)
    message["Message-ID"] = f"<{message_id}>"
    if known := mail_ids(outgoing.references):
        message["In-Reply-To"] = known.rpartition(" ")[2]
        message["References"] = known
    message["X-Presteza-Protocol"] = ticket.protocol
    if outgoing.automatic:
        message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "All"
        message["Precedence"] = "auto_reply"
