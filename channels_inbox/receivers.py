"""Decides how anymail's two signals enter the common way: what it received is stored raw, first (architecture 9)."""

from typing import Any

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, inbound, tracking
from django.db import transaction
from django.dispatch import receiver

from channels_inbox import outbox
from channels_inbox.adapters.base import DeliveryReceipt
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import store
from channels_inbox.mailbox_ids import base_address
from channels_inbox.models import Channel

STATUS = {
    "queued": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "opened": "read",
    "clicked": "read",
    "bounced": "bounced",
    "rejected": "bounced",
    "failed": "bounced",
    "complained": "bounced",
}


@receiver(inbound, dispatch_uid="store_inbound_mail")
def store_inbound(sender: Any, event: AnymailInboundEvent, esp_name: str, **_kwargs: Any) -> None:
    """Store the raw mail for the channel it was sent to; the webhook answers 200 only after the commit."""
    message = event.message
    wanted = [message.envelope_recipient, *(each.addr_spec for each in [*message.to, *message.cc])]
    store(channel_for(wanted), [mail_envelope(message.as_bytes())])


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
    """Apply a provider's news about mail we sent; news about anything else changes nothing (R-133)."""
    status = STATUS.get(event.event_type)
    message_id = (event.metadata or {}).get("message_id") or (event.message_id or "").strip("<>")
    if status and message_id:
        receipt = DeliveryReceipt(
            message_id=message_id,
            status=status,
            detail=(event.description or event.reject_reason or "")[:500],
            recipient=event.recipient or "",
        )
        with transaction.atomic():
            outbox.apply_receipt(receipt)
