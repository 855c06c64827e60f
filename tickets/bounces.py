"""Decides what a mail that came back does: it goes to its ticket and marks the address; a forged one does nothing
but show (R-133)."""

from channels_inbox import outbox
from channels_inbox.adapters.base import DeliveryReceipt, ParsedMessage
from channels_inbox.models import InboundMessage, OutboundMessage
from helpdesk.lib.clock import AppNow, app_now
from helpdesk.people.contacts import canonical_email
from helpdesk.people.models import ContactAddress
from tickets import events
from tickets.letters import Letter, add_letter
from tickets.models import EntryDelivery, MailReference, ThreadEntry, Ticket


def take(inbound: InboundMessage, parsed: ParsedMessage) -> bool:
    """Put a bounce on the ticket of the mail it speaks of; False when it names none of ours.

    Believed only when it names a message we sent to the very address it says failed.
    """
    sent = OutboundMessage.objects.filter(message_id__in=parsed.references[:10]).first()
    ticket = _ticket_of(sent, parsed)
    if ticket is None:
        return False
    bounced = ThreadEntry.Kind.BOUNCE
    add_letter(
        Letter(
            ticket,
            parsed,
            now=app_now(),
            contact=None,
            channel=inbound.channel,
            inbound=inbound,
            kind=bounced,
        )
    )
    failed = canonical_email(parsed.bounced_recipient)
    if sent is not None and parsed.bounce_permanent and failed in {"", canonical_email(sent.recipient)}:
        outbox.apply_receipt(
            DeliveryReceipt(message_id=sent.message_id, status="bounced", detail=parsed.bounce_detail)
        )
    return True


def _ticket_of(sent: OutboundMessage | None, parsed: ParsedMessage) -> Ticket | None:
    if sent is not None:
        delivery = EntryDelivery.objects.filter(outbound=sent).select_related("entry").first()
        ticket_id = delivery.entry.ticket_id if delivery else None
    else:
        named = MailReference.objects.filter(message_id__in=parsed.references[:10], own=True)
        ticket_id = named.values_list("ticket_id", flat=True).first()
    return Ticket.objects.select_for_update(no_key=True).filter(pk=ticket_id).first() if ticket_id else None


def mark_address(outbound: OutboundMessage) -> None:
    """Mark the address a message came back from, and say so on the ticket, so that another road is taken."""
    delivery = EntryDelivery.objects.filter(outbound=outbound).select_related("entry__ticket").first()
    marked = ContactAddress.objects.filter(kind="email", value=canonical_email(outbound.recipient))
    marked.update(bounced_at=AppNow(), bounce_reason=outbound.receipt_detail[:500])
    if delivery is not None:
        events.record("bounced", delivery.entry.ticket, entry=delivery.entry, data={"to": outbound.recipient})
