"""Decides by which road mail leaves: an SMTP server, or the local mailbox page when none is set.

The steps follow reliability 1.3: connect, EHLO, MAIL, RCPT may fail and be tried again; `mark_handed` is committed
before DATA; a clear answer to DATA settles the row, no answer makes it uncertain.
"""

import smtplib
from dataclasses import dataclass

from django.conf import settings

from channels_inbox.adapters.base import DeliveryError, OutcomeUnknown
from channels_inbox.models import OutboundMessage
from helpdesk.lib import egress
from helpdesk.lib.durable import crash_point

LOCAL = "local-mailbox"
CONNECT_SECONDS = 15
ANSWER_SECONDS = 25


class LocalMailbox:
    """Keeps the message here: the mailbox page shows it. Nothing leaves the machine."""

    def send(self, outbound: OutboundMessage) -> str:
        from channels_inbox.outbox import mark_handed

        mark_handed(outbound)
        return LOCAL


@dataclass
class SmtpTransport:
    """One SMTP server with our account on it."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = ""
    oauth_token: str = ""
    sender: str = ""

    def send(self, outbound: OutboundMessage) -> str:
        """Hand the frozen bytes over; return ''. Raises `DeliveryError` or `OutcomeUnknown`."""
        from channels_inbox.outbox import mark_handed

        connection = self.connect()
        try:
            self._announce(connection, outbound)
            mark_handed(outbound)
            self._hand_over(connection, bytes(outbound.payload))
        finally:
            _close(connection)
        return ""

    def connect(self) -> smtplib.SMTP:
        """Open and sign in; every failure here is a `DeliveryError` that rests the channel."""
        try:
            connection = egress.smtp_connection(self.host, self.port, security=self.security, timeout=CONNECT_SECONDS)
        except Exception as error:
            raise DeliveryError(f"{self.host}:{self.port}: {error}", channel_down=True) from error
        try:
            if self.oauth_token:
                connection.auth("XOAUTH2", lambda _=None: f"user={self.user}\1auth=Bearer {self.oauth_token}\1\1")
            elif self.user:
                connection.login(self.user, self.password)
        except Exception as error:
            _close(connection)
            raise DeliveryError(f"{self.host}:{self.port}: {error}", channel_down=True) from error
        return connection

    def _announce(self, connection: smtplib.SMTP, outbound: OutboundMessage) -> None:
        """MAIL FROM and RCPT TO, the last steps that may be repeated."""
        sender = "" if outbound.purpose == OutboundMessage.Purpose.AUTO else self.sender
        try:
            connection.sock.settimeout(ANSWER_SECONDS)  # type: ignore[union-attr]
            connection.ehlo_or_helo_if_needed()
            _expect(connection.mail(sender), {250})
            _expect(connection.rcpt(outbound.recipient), {250, 251})
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(str(error), channel_down=True) from error

    def _hand_over(self, connection: smtplib.SMTP, payload: bytes) -> None:
        try:
            code, answer = connection.docmd("DATA")
        except (smtplib.SMTPException, OSError) as error:
            raise OutcomeUnknown(f"no answer to DATA: {error}") from error
        _expect((code, answer), {354})
        try:
            connection.send(smtplib._quote_periods(_crlf(payload)))  # type: ignore[attr-defined]
            connection.send(b"\r\n.\r\n")
            crash_point("after_data")
            answer_to_data = connection.getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise OutcomeUnknown(f"no answer after the message: {error}") from error
        _expect(answer_to_data, {250})


def _expect(answer: tuple[int, bytes], accepted: set[int]) -> None:
    code, text = answer
    if code in accepted:
        return
    raise DeliveryError(f"{code} {text.decode('utf-8', 'replace')}", permanent=500 <= code < 600)


def _crlf(payload: bytes) -> bytes:
    """Return the bytes with CRLF line ends and without a final line end."""
    return payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n").replace(b"\n", b"\r\n")


def _close(connection: smtplib.SMTP) -> None:
    try:
        connection.quit()
    except (smtplib.SMTPException, OSError):
        connection.close()


def system_transport() -> SmtpTransport | LocalMailbox:
    """Return the installation's own road (environment), or the local mailbox when no server is set."""
    if not settings.SMTP_HOST:
        return LocalMailbox()
    return SmtpTransport(
        host=settings.SMTP_HOST,
        port=settings.SMTP_PORT,
        security=settings.SMTP_SECURITY,
        user=settings.SMTP_USER,
        password=settings.SMTP_PASSWORD,
        sender=settings.DEFAULT_FROM_EMAIL,
    )
