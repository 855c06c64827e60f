"""Decides by which road mail leaves: an SMTP server, or the local mailbox page when none is set.

The steps follow reliability 1.3: connect, EHLO, MAIL, RCPT may fail and be tried again; `mark_handed` is committed
before DATA; a clear answer to DATA settles the row, no answer makes it uncertain.
"""

import re
import smtplib
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.utils.translation import gettext as _

from channels_inbox.adapters.base import CredentialsRefused, DeliveryError, OutcomeUnknown
from channels_inbox.models import OutboundMessage
from helpdesk.lib import egress
from helpdesk.lib.durable import crash_point

LOCAL = "local-mailbox"
CONNECT_SECONDS = 10
ANSWER_SECONDS = 25
CLOSE_SECONDS = 2
_QUEUED_AS = re.compile(r"\b([A-Za-z0-9][A-Za-z0-9._-]{7,199})\W*$")


class LocalMailbox:
    """Keeps the message here: the mailbox page shows it. Nothing leaves the machine."""

    def send(self, outbound: OutboundMessage) -> str:
        from channels_inbox.outbox import mark_handed

        mark_handed(outbound)
        return LOCAL


@dataclass
class SmtpTransport:
    """One SMTP server with our account on it. `cafile`: the company's own authority, if any."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = ""
    oauth_token: str = ""
    sender: str = ""
    cafile: str = ""

    def send(self, outbound: OutboundMessage) -> str:
        """Hand the frozen bytes over; return the id the server gave ('' if none).

        Raises `DeliveryError`, `CredentialsRefused` or `OutcomeUnknown`.
        """
        from channels_inbox.outbox import mark_handed

        connection = self.connect()
        try:
            self._announce(connection, outbound)
            mark_handed(outbound)
            return self._hand_over(connection, bytes(outbound.payload))
        finally:
            _close(connection)

    def connect(self) -> smtplib.SMTP:
        """Open and sign in. A failure is a `DeliveryError` that rests the channel, or `CredentialsRefused`."""
        place = f"{self.host}:{self.port}"
        if self.security == "none" and (self.password or self.oauth_token) and place not in settings.EGRESS_ALLOW:
            raise DeliveryError(_("Without encryption only a server named in EGRESS_ALLOW may be used."))
        try:
            connection = egress.smtp_connection(
                self.host,
                self.port,
                security=cast(egress.Security, self.security),
                timeout=CONNECT_SECONDS,
                cafile=self.cafile or None,
            )
        except Exception as error:
            text = _("%(host)s cannot be reached: %(reason)s") % {"host": place, "reason": error}
            raise DeliveryError(text, channel_down=True) from error
        try:
            self._sign_in(connection)
        except Exception:
            connection.close()
            raise
        return connection

    def _sign_in(self, connection: smtplib.SMTP) -> None:
        try:
            if self.oauth_token:
                answer = f"user={self.user}\1auth=Bearer {self.oauth_token}\1\1"
                connection.auth("XOAUTH2", lambda challenge=None: "" if challenge else answer)
            elif self.user and self.password:  # without a password the server knows us by our address
                connection.login(self.user, self.password)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code // 100 == 4:
                raise DeliveryError(_answer(error.smtp_code, error.smtp_error), channel_down=True) from None
            text = _("The sending server refuses the user name or the password (%(code)s).")
            raise CredentialsRefused(text % {"code": error.smtp_code}) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise DeliveryError(f"{type(error).__name__} at sign-in", channel_down=True) from None

    def _announce(self, connection: smtplib.SMTP, outbound: OutboundMessage) -> None:
        """MAIL FROM and RCPT TO, the last steps that may be repeated."""
        sender = "" if outbound.purpose == OutboundMessage.Purpose.AUTO else self.sender
        try:
            connection.sock.settimeout(ANSWER_SECONDS)  # type: ignore[union-attr]  # connected: there is a socket
            connection.ehlo_or_helo_if_needed()
            options = _mail_options(connection, sender, outbound)
            _expect(connection.mail(sender, options), {250})
            _expect(connection.rcpt(outbound.recipient), {250, 251})
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(str(error), channel_down=True) from error

    def _hand_over(self, connection: smtplib.SMTP, payload: bytes) -> str:
        try:
            code, answer = connection.docmd("DATA")
        except (smtplib.SMTPException, OSError) as error:
            raise OutcomeUnknown(f"no answer to DATA: {error}") from error
        _expect((code, answer), {354})
        try:
            connection.send(smtplib._quote_periods(_crlf(payload)))  # type: ignore[attr-defined]  # smtplib names no public one
            connection.send(b"\r\n.\r\n")
            crash_point("after_data")
            code, answer = connection.getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise OutcomeUnknown(f"no answer after the message: {error}") from error
        _expect((code, answer), {250})
        return _queue_id(answer)


def _mail_options(connection: smtplib.SMTP, sender: str, outbound: OutboundMessage) -> list[str]:
    """Ask for what the message needs: 8-bit bodies (RFC 6152), addresses beyond ASCII (RFC 6531)."""
    options = []
    if not bytes(outbound.payload).isascii() and connection.has_extn("8bitmime"):
        options.append("BODY=8BITMIME")
    if not (sender + outbound.recipient).isascii():
        if not connection.has_extn("smtputf8"):
            raise DeliveryError(_("The sending server takes no addresses with accents."), permanent=True)
        connection.command_encoding = "utf-8"
        options.append("SMTPUTF8")
    return options


def _expect(answer: tuple[int, bytes], accepted: set[int]) -> None:
    code, text = answer
    if code not in accepted:
        raise DeliveryError(_answer(code, text), permanent=500 <= code < 600, channel_down=code == 421)


def _answer(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"[:500]


def _queue_id(answer: bytes) -> str:
    """Return the id at the end of an answer such as `2.0.0 Ok: queued as 4Xy1BC0qZz`; '' when there is none."""
    found = _QUEUED_AS.search(answer.decode("ascii", "replace"))
    return found[1] if found and any(c.isdigit() for c in found[1]) else ""


def _crlf(payload: bytes) -> bytes:
    """Return the bytes with CRLF line ends and without a final line end."""
    return payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n").replace(b"\n", b"\r\n")


def _close(connection: smtplib.SMTP) -> None:
    """Say goodbye without waiting: the answer that counts has been read, and the lease runs."""
    try:
        connection.sock.settimeout(CLOSE_SECONDS)  # type: ignore[union-attr]  # connected: there is a socket
        connection.quit()
    except (smtplib.SMTPException, OSError, AttributeError):
        connection.close()


def system_transport(*, sender: str = "") -> SmtpTransport | LocalMailbox:
    """Return the installation's own road (environment), or the local mailbox when no server is set.

    `sender` is the address that mail which cannot be delivered returns to.
    """
    if not settings.SMTP_HOST:
        return LocalMailbox()
    return SmtpTransport(
        host=settings.SMTP_HOST,
        port=settings.SMTP_PORT,
        security=settings.SMTP_SECURITY,
        user=settings.SMTP_USER,
        password=settings.SMTP_PASSWORD,
        sender=sender or settings.DEFAULT_FROM_EMAIL,
    )
