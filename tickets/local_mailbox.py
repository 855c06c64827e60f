"""Decides what the local mailbox shows and does: mail that never left, and mail as if a customer had written it.

It exists so that the whole loop can be tried with nothing but a browser. Who sees which mail follows the tickets;
account mail holds secret links and is shown only to those who make accounts anyway.
"""

import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from channels_inbox.adapters.base import Attachment
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import store
from channels_inbox.mime import ParsedEmail, parse_email
from channels_inbox.models import OutboundMessage
from channels_inbox.receivers import channel_for
from channels_inbox.transport import LOCAL
from helpdesk.lib.files import sniff_type
from helpdesk.people.models import User
from tickets.mail_out import clean_header, mail_address, mail_ids
from tickets.models import EntryDelivery, Ticket
from tickets.permissions import may

QUOTED_CHARS = 4000


def is_open() -> bool:
    """Whether this installation keeps its mail here at all."""
    return settings.LOCAL_MAILBOX and not settings.SMTP_HOST


def mails_for(user: User) -> QuerySet[OutboundMessage]:
    """Return the mails that landed here and that the user may see, newest first."""
    about = EntryDelivery.objects.filter(outbound=OuterRef("pk"))
    readable = about.filter(entry__ticket__in=Ticket.objects.visible_to(user))
    allowed = Q(Exists(readable))
    account = Q(channel=None, purpose=OutboundMessage.Purpose.NOTIFY)
    if may(user, "user_write"):
        allowed |= account
    if may(user, "settings_write"):
        allowed |= ~Exists(about) & ~account
    return OutboundMessage.objects.filter(allowed, provider_id=LOCAL).order_by("-id")


@dataclass(frozen=True)
class LocalMail:
    """One mail as its recipient reads it."""

    row: OutboundMessage
    mail: ParsedEmail

    @property
    def answer_to(self) -> str:
        """Where an answer goes: Reply-To, else From."""
        first = self.mail.reply_to[0].address if self.mail.reply_to else self.mail.from_address
        return first or ""

    @property
    def answerable(self) -> bool:
        """Whether the answer would come back to this desk."""
        return self.row.channel_id is not None and bool(self.answer_to)

    @property
    def recipient_name(self) -> str:
        people = [*self.mail.to, *self.mail.cc]
        return next((each.name for each in people if each.address.lower() == self.row.recipient.lower()), "")


def open_mail(row: OutboundMessage) -> LocalMail:
    """Return a row with its bytes parsed."""
    return LocalMail(row, parse_email(bytes(row.payload)))


def write(
    *,
    sender: str,
    name: str,
    to: str,
    subject: str,
    text: str,
    files: tuple[Attachment, ...] = (),
    answers: LocalMail | None = None,
) -> int:
    """Let a mail arrive as if that person had sent it, by the way of any mail; return how many rows are new.

    With `answers` it carries what a mail program sets: In-Reply-To, References, the quoted text.
    """
    message = EmailMessage(policy=SMTP if sender.isascii() else SMTPUTF8)
    message["From"] = mail_address(name, sender)
    message["To"] = clean_header(to, limit=254)
    message["Subject"] = clean_header(subject)
    message["Date"] = format_datetime(timezone.localtime())
    message["Message-ID"] = f"<{uuid.uuid4()}@{sender.rpartition('@')[2]}>"
    if answers is not None:
        message["In-Reply-To"] = f"<{answers.row.message_id}>"
        message["References"] = mail_ids(_thread(answers))
        text = f"{text}\n\n{_quoted(answers)}"
    message.set_content(text)
    for each in files:
        maintype, _slash, subtype = sniff_type(each.content, each.name, each.content_type).partition("/")
        message.add_attachment(
            each.content, maintype=maintype, subtype=subtype, filename=clean_header(each.name)
        )
    return store(channel_for([to]), [mail_envelope(message.as_bytes())])


def _thread(answers: LocalMail) -> list[str]:
    ids = [*answers.mail.references, answers.row.message_id]
    return list(dict.fromkeys(each.strip("<>") for each in ids))


def _quoted(answers: LocalMail) -> str:
    """Return the answered mail as a mail program quotes it."""
    at = timezone.localtime(answers.row.sent_at or answers.row.created_at)
    who = f"{answers.mail.from_name} <{answers.mail.from_address}>"
    lines = answers.mail.text[:QUOTED_CHARS].strip().splitlines()
    return "\n".join([f"Em {at:%d/%m/%Y %H:%M}, {who} escreveu:", *(f"> {line}" for line in lines)])
