"""Decides how account mail (invitation, password reset) leaves: through the outbox like everything else."""

from collections.abc import Sequence
from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from channels_inbox import outbox
from channels_inbox.models import OutboundMessage


class OutboxBackend(BaseEmailBackend):
    """Django mail backend: one outbox row a recipient, so that a dead mail server loses no reset link.

    A message marked `stand_in` leaves the same row, withdrawn and empty: asking for an unknown address costs what
    asking for a known one costs (A15).
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            for recipient in message.recipients():
                self._enqueue(message, recipient)
        return len(email_messages)

    def _enqueue(self, message: EmailMessage, recipient: str) -> None:
        message_id = make_msgid(domain=settings.MAIL_DOMAIN).strip("<>")
        stand_in = getattr(message, "stand_in", False)
        message.extra_headers["Message-ID"] = f"<{message_id}>"
        message.extra_headers.setdefault("Auto-Submitted", "auto-generated")
        outbox.enqueue(
            channel=None,
            purpose=OutboundMessage.Purpose.NOTIFY,
            idem_key=f"account:{message_id}",
            payload=b"" if stand_in else message.message().as_bytes(),
            message_id=message_id,
            recipient="" if stand_in else recipient,
            subject=str(message.subject),
            withdrawn=stand_in,
        )
