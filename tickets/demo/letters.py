"""Decides how the customers' mails of the demonstration look: raw mails, as a mailbox would hand them over."""

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from tickets.demo.samples import sample

RETURNED = """\
From: Mail Delivery System <mailer-daemon@{domain}>
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: {date}
Message-ID: <{message_id}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=report"

--=report
Content-Type: text/plain; charset=us-ascii

The message to <{failed}> could not be delivered: {reason}

--=report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.{domain}

Final-Recipient: rfc822; {failed}
Action: failed
Status: {code}
Diagnostic-Code: smtp; {reason}

--=report
Content-Type: text/rfc822-headers

Message-ID: <{sent_id}>

--=report--
"""


def letter(
    *,
    sender: Address,
    to: str,
    subject: str,
    text: str,
    at: datetime,
    message_id: str,
    copied: Sequence[str] = (),
    files: Sequence[str] = (),
    answers: str = "",
    automatic: bool = False,
) -> bytes:
    """Return the bytes of a customer's mail; ids are given without angle brackets."""
    message = EmailMessage(policy=SMTP)
    _address(message, sender=sender, to=to, subject=subject, at=at, message_id=message_id)
    if copied:
        message["Cc"] = ", ".join(copied)
    if answers:
        message["In-Reply-To"] = message["References"] = f"<{answers}>"
    if automatic:
        message["Auto-Submitted"] = "auto-replied"
    message.set_content(text, cte="quoted-printable")
    for name in files:
        _name, content_type, content = sample(name)
        maintype, _slash, subtype = content_type.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()


def returned_mail(
    *, to: str, failed: str, code: str, reason: str, sent_id: str, at: datetime, message_id: str
) -> bytes:
    """Return the report of a mail server that could not deliver one of our mails (RFC 3464)."""
    text = RETURNED.format(
        to=to,
        failed=failed,
        code=code,
        reason=reason,
        sent_id=sent_id,
        date=format_datetime(at),
        message_id=message_id,
        domain=failed.partition("@")[2],
    )
    return text.replace("\n", "\r\n").encode("ascii")


def quote(text: str, *, author: str, at: datetime) -> str:
    """Return what a mail program puts under an answer: who wrote when, and the quoted words."""
    quoted = "\n".join(f"> {line}".rstrip() for line in text.strip().split("\n"))
    return f"\n\nEm {at:%d/%m/%Y} às {at:%H:%M}, {author} escreveu:\n\n{quoted}\n"


def _address(message: EmailMessage, **facts: Any) -> None:
    message["From"] = facts["sender"]
    message["To"] = facts["to"]
    message["Subject"] = facts["subject"]
    message["Date"] = format_datetime(facts["at"])
    message["Message-ID"] = f"<{facts['message_id']}>"
