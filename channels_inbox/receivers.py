"""Decides how anymail's two signals enter the common way: what it received is stored raw, first (architecture 9)."""

import hashlib
from typing import Any

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, inbound, tracking
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext as _

from channels_inbox import outbox
from channels_inbox.adapters.base import DeliveryReceipt, Envelope
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import store
from channels_inbox.mailbox_ids import base_address
from channels_inbox.models import Channel
from channels_inbox.smtp_session import with_envelope

STATUS = {
    "queued": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "opened": "read",
    "clicked": "read",
    "bounced": "bounced",
    "rejected": "bounced",
    "failed": "bounced",
    "complained": "complained",
}


@receiver(inbound, dispatch_uid="store_inbound_mail")
def store_inbound(sender: Any, event: AnymailInboundEvent, esp_name: str, **_kwargs: Any) -> None:
    """Store the raw mail for the channel it was sent to; the webhook answers 200 only after the commit."""
    message = event.message
    wanted = [message.envelope_recipient, *(each.addr_spec for each in [*message.to, *message.cc])]
    recipients = [message.envelope_recipient] if message.envelope_recipient else []
    raw = raw_of(event)
    raw = with_envelope(raw, sender=message.envelope_sender, recipients=recipients)
    store(channel_for(wanted), [mail_envelope(raw)])


def raw_of(event: AnymailInboundEvent) -> bytes:
    """Return the mail as it came where the provider hands it on, else as anymail put it together.

    The same event gives the same bytes each time, so that a repeat is known by its fingerprint.
    """
    given = event.esp_event
    raw = given.get("RawEmail") if isinstance(given, dict) else given.POST.get("body-mime")
    if raw:
        return raw.encode("utf-8", "surrogatepass")
    _settle_boundaries(event.message)
    return event.message.as_bytes()


def _settle_boundaries(message: AnymailInboundMessage) -> None:
    """Python would draw random boundaries for a mail put together from parts."""
    parts = list(message.walk())
    content = b"".join(part.get_payload(decode=True) or b"" for part in parts if not part.is_multipart())
    seed = hashlib.sha256(content).hexdigest()[:40]
    for number, part in enumerate(parts):
        if part.get_content_maintype() == "multipart" and part.get_boundary() is None:
            part.set_boundary(f"=_{seed}_{number}")


def store_unreadable(request: HttpRequest, *, provider: str) -> None:
    """Keep a genuine request nobody could read, as it came, where people see it: never dropped."""
    body = bytes(request.body)
    reason = _("A message of %(provider)s could not be read.") % {"provider": provider}
    store(channel_for([]), [Envelope(hashlib.sha256(body).digest(), "", body, quarantine=reason)])


def channel_for(addresses: list[str | None]) -> Channel:
    """Return the mail channel of the first address that is one of ours, else the first mail channel."""
    ours = {
        channel.address.lower(): channel for channel in Channel.objects.filter(kind="email").order_by("-id")
    }
    for address in addresses:
        found = ours.get(base_address((address or "").lower()))
        if found is not None:
            return found
    return Channel.objects.filter(kind="email").order_by("id")[0]


@receiver(tracking, dispatch_uid="apply_tracking")
def apply_tracking(sender: Any, event: AnymailTrackingEvent, esp_name: str, **_kwargs: Any) -> None:
    """Apply a provider's news about mail we sent; news about anything else changes nothing (R-133).

    A provider names our mail by our Message-ID or by the id it gave when it took the mail.
    """
    status = STATUS.get(event.event_type)
    named = (event.message_id or "").strip("<>")
    if status and named:
        receipt = DeliveryReceipt(
            message_id=(event.metadata or {}).get("message_id") or named,
            provider_id=named,
            status=status,
            detail=(event.description or event.mta_response or event.reject_reason or "")[:500],
            recipient=event.recipient or "",
        )
        with transaction.atomic():
            outbox.apply_receipt(receipt)
