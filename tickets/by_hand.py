"""Decides how a person rescues a message the product could not understand: a ticket with the original attached.

Nothing that arrived is lost (R-001): what no parser can read is still a file an analyst can open.
"""

import hashlib

from django.db import transaction
from django.utils.translation import gettext as _

from channels_inbox.adapters.base import Attachment, ParsedMessage, Person
from channels_inbox.inbox import payload_of
from channels_inbox.models import InboundMessage
from helpdesk.people.contacts import canonical_email, identify
from helpdesk.people.models import User
from tickets import lifecycle
from tickets.intake import NOBODY, department_of
from tickets.letters import Letter, add_letter
from tickets.models import Ticket


def make_ticket(inbound: InboundMessage, *, actor: User, address: str = "") -> Ticket | None:
    """Open a ticket for a dead arrival, with the raw message as its file; nothing when the row is not dead any more.

    `address`: the customer's mail address, when the person could read it. The ticket is held as unverified: the
    customer is not written to automatically.
    """
    with transaction.atomic():
        row = InboundMessage.objects.select_for_update().select_related("channel").get(pk=inbound.pk)
        if row.state != InboundMessage.DEAD:
            return None
        sender = Person(canonical_email(address)[:320]) if address else NOBODY
        contact, _created = identify("email", sender.address, name="")
        ticket = lifecycle.open_ticket(
            contact=contact,
            department=department_of(row.channel),
            subject=_("Message that could not be read"),
            now=contact.locked_at,
            channel=row.channel,
            actor=actor,
            acknowledge=False,
            held=True,
        )
        add_letter(
            Letter(
                ticket, _wrapped(row, sender), now=contact.locked_at, contact=contact, channel=row.channel, inbound=row,
                opened=True,
            )
        )  # fmt: skip
        InboundMessage.objects.filter(pk=row.pk).update(state=InboundMessage.DONE, lease_token=None)
    return ticket


def _wrapped(row: InboundMessage, sender: Person) -> ParsedMessage:
    raw = payload_of(row)
    original = Attachment(
        name=f"{_('message')}-{row.pk}.eml",
        content_type="message/rfc822",
        content=raw,
        sha256=hashlib.sha256(raw).hexdigest(),
    )
    text = _("This message could not be read. The original is attached, as it arrived.")
    return ParsedMessage(kind="message", sender=sender, text=text, attachments=(original,))
