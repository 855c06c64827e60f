"""Decides how mail comes in and goes out: IMAP, inbound webhooks, the local port; SMTP or the local mailbox."""

from collections.abc import Iterable
from typing import ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from channels_inbox.adapters.base import Adapter, Attachment, Envelope, Field, ParsedMessage, Person
from channels_inbox.mailbox_ids import find_proofs, is_probe_id
from channels_inbox.mime import ParsedEmail, fingerprint, parse_email
from channels_inbox.models import OutboundMessage
from channels_inbox.transport import LocalMailbox, SmtpTransport, system_transport

SECURITY_CHOICES = (("tls", _("TLS")), ("starttls", _("STARTTLS")), ("none", _("none (local server only)")))
ACCESS_CHOICES = (
    ("", _("does not fetch (webhook or local port)")),
    ("password", _("user and password")),
    ("google", _("Google, by consent")),
    ("microsoft", _("Microsoft 365, by consent")),
)
# DMARC speaks of the one author in From; who names none or several proves nothing by it (R-128, A10).
NO_ONE_AUTHOR = frozenset({"from_missing", "from_unreadable", "from_repeated", "from_several"})


def mail_envelope(raw: bytes) -> Envelope:
    """Return the envelope of one raw mail: SHA-256 without the trace headers (reliability 1.4)."""
    return Envelope(fingerprint=fingerprint(raw), external_id="", payload=raw)


class EmailAdapter(Adapter):
    """A mailbox of ours, one address per department (R-127)."""

    kind = "email"
    label = _("E-mail")
    capabilities = frozenset({"subject", "copies", "attachments"})
    fields: ClassVar[tuple[Field, ...]] = (
        Field("access", _("fetch mail with"), choices=ACCESS_CHOICES),
        Field("imap_host", _("IMAP server")),
        Field("imap_port", _("IMAP port"), kind="number", default=993),
        Field("imap_security", _("IMAP security"), choices=SECURITY_CHOICES, default="tls"),
        Field("imap_folder", _("folder"), default="INBOX"),
        Field("user", _("user"), help=_("Usually the whole address.")),
        Field("password", _("password"), secret=True, kind="password"),
        Field("smtp_host", _("SMTP server"), help=_("Empty: the installation's own road.")),
        Field("smtp_port", _("SMTP port"), kind="number", default=587),
        Field("smtp_security", _("SMTP security"), choices=SECURITY_CHOICES, default="starttls"),
        Field(
            "probe",
            _("send a test message to itself every hour"),
            kind="check",
            default=False,
            help=_("If it is not back in ten minutes, administrators are told. It never becomes a ticket."),
        ),
        Field("oauth_client_id", _("consent: client id")),
        Field("oauth_client_secret", _("consent: client secret"), secret=True, kind="password"),
    )

    def receive(self, request: HttpRequest) -> Iterable[Envelope]:
        """Raw mail posted by a program of our own, signed with the channel's webhook secret."""
        from channels_inbox.signatures import check_webhook

        check_webhook(request, secrets=self.channel.credentials.get("webhook_secrets", []))
        return [mail_envelope(request.body)]

    def parse(self, payload: bytes) -> ParsedMessage:
        """Raw mail in, our words out (R-127 to R-129). Pure."""
        parsed = as_message(parse_email(payload), own_address=self.channel.address)
        if is_probe_id(parsed.message_id, self.channel.pk):
            return ParsedMessage(kind="probe", sender=None, message_id=parsed.message_id)
        if parsed.kind == "bounce" and any(is_probe_id(each, self.channel.pk) for each in parsed.references):
            return ParsedMessage(kind="probe", sender=None)  # a probe that was refused is not back
        return parsed

    def send(self, outbound: OutboundMessage) -> str:
        return self.transport().send(outbound)

    def transport(self) -> SmtpTransport | LocalMailbox:
        """Return the road this channel's mail takes."""
        options = self.channel.options
        if not options.get("smtp_host"):
            return system_transport(sender=self.channel.address)
        from channels_inbox.oauth import access_token, uses_consent

        return SmtpTransport(
            host=options["smtp_host"],
            port=int(options.get("smtp_port") or 587),
            security=options.get("smtp_security") or "starttls",
            user=options.get("user") or self.channel.address,
            password=self.channel.credentials.get("password", ""),
            oauth_token=access_token(self.channel) if uses_consent(self.channel) else "",
            sender=self.channel.address,
            cafile=options.get("cafile", ""),
        )

    def polls(self) -> bool:
        return bool(self.channel.options.get("access"))

    def fetch(self) -> int:
        """Fetch what is new from the mailbox."""
        from channels_inbox.imap import fetch_mailbox

        return fetch_mailbox(self.channel)

    def test_connection(self) -> list[tuple[str, bool, str]]:
        from channels_inbox.imap import check_mailbox

        return check_mailbox(self.channel)


def as_message(mail: ParsedEmail, *, own_address: str = "") -> ParsedMessage:
    """Turn a parsed mail into the desk's words."""
    reply = mail.visible_reply
    bounce = mail.bounce
    references = [_bare(ref) for ref in [mail.in_reply_to, *reversed(mail.references)] if ref]
    addressed = [*mail.delivered_to, *(address for _name, address in [*mail.to, *mail.cc])]
    kind = "message"
    if mail.is_bounce and bounce is not None:
        kind = "bounce"
        references = [
            _bare(ref) for ref in (bounce.original_message_id, *bounce.original_references) if ref
        ] + references
    return ParsedMessage(
        kind=kind,
        sender=Person(mail.from_address, mail.from_name) if mail.from_address else None,
        recipients=tuple(Person(address, name) for name, address in mail.to),
        copied=tuple(Person(address, name) for name, address in mail.cc),
        subject=mail.subject,
        text=reply.text,
        html=mail.safe_reply_html,
        has_original=bool(mail.html) or reply.quote_removed,
        message_id=_bare(mail.message_id),
        references=tuple(dict.fromkeys(references)),
        sent_at=mail.date,
        attachments=tuple(
            Attachment(a.name, a.content_type, a.content, a.sha256, a.inline, a.content_id)
            for a in mail.attachments
        ),
        automatic=_is_automatic(mail, own_address),
        wants_no_answer=mail.suppresses_replies,
        sender_unverified=bool(NO_ONE_AUTHOR & set(mail.defects)) or _dmarc_failed(mail.authentication_results),
        hint_text=f"{mail.subject}\n{reply.text[:2000]}",
        defects=tuple(mail.defects),
        bounced_recipient=bounce.recipient if bounce else "",
        bounce_status=bounce.status if bounce else "",
        bounce_detail=bounce.diagnostic if bounce else "",
        bounce_permanent=bool(bounce and bounce.status.startswith("5")),
        extra={"proofs": find_proofs([*references, *addressed])},
    )


def _is_automatic(mail: ParsedEmail, own_address: str) -> bool:
    """Whether a program wrote it: never acknowledged, never reopens (R-129)."""
    report = mail.is_bounce or mail.is_delay or mail.is_receipt or mail.is_complaint
    return report or mail.is_auto_reply or mail.from_address.lower() == own_address.lower()


def _bare(message_id: str) -> str:
    """Return a Message-ID as we store it: without angle brackets, at most 255 characters."""
    return message_id.strip().strip("<>")[:255]


def _dmarc_failed(headers: list[str]) -> bool:
    """Whether the topmost Authentication-Results of the trusted host says DMARC fail; others are ignored (R-128)."""
    trusted = settings.TRUSTED_AUTHSERV_ID.lower()
    if not trusted:
        return False
    for value in headers:
        words = value.lower().split(";", 1)
        if words[0].split()[:1] == [trusted]:
            return any(part.split()[:1] == ["dmarc=fail"] for part in words[-1].split(";"))
    return False
