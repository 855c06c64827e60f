"""Decides who gets another link: only the customer of a ticket that still lives, by mail to the known address (R-130).

A request is stored like any arrival and answered by a worker, so that known and unknown addresses cost the page the
same work (A15), and a crash loses no request.
"""

import json
import secrets
from datetime import timedelta

from django.db.models import Q

from channels_inbox import inbox
from channels_inbox.adapters.base import Envelope, ParsedMessage
from channels_inbox.adapters.portal import LINK_REQUEST, portal_channel
from helpdesk.lib.clock import AppNow, app_now
from helpdesk.people.contacts import canonical_email
from helpdesk.people.models import Contact, ContactAddress
from tickets.dispatch import AUTOMATIC_AN_HOUR, automatic_lately, send
from tickets.mail_out import Recipient
from tickets.models import Participant, ThreadEntry, Ticket
from tickets.system_texts import fill, find_texts, values_for
from tickets.tracking import DAYS_AFTER_CLOSING


def ask(address: str, *, protocol: str = "") -> None:
    """Store the request of an address for another link; `protocol` when the page knew the ticket."""
    form = {"kind": LINK_REQUEST, "address": address, "protocol": protocol}
    envelope = Envelope(
        fingerprint=secrets.token_bytes(32), external_id="", payload=json.dumps(form).encode()
    )
    inbox.store(portal_channel(), [envelope])


def answer(parsed: ParsedMessage) -> bool:
    """Send a fresh link when the address is the customer's of a live ticket; True when a mail was written.

    At most three automatic mails an hour to one person. Must run inside a transaction.
    """
    wanted = canonical_email(parsed.sender.address if parsed.sender else "")
    address = ContactAddress.objects.filter(kind="email", value=wanted).first()
    if address is None:
        return False
    contact = Contact.objects.select_for_update(no_key=True).get(pk=address.contact_id)
    ticket = _ticket_for(contact, parsed.hint_text)
    if ticket is None or automatic_lately(contact.pk).count() >= AUTOMATIC_AN_HOUR:
        return False
    text = find_texts(["outro_link"], department=ticket.department, language=contact.language)["outro_link"]
    values = values_for(ticket, contact=contact, channel=ticket.channel, now=app_now())
    entry = ThreadEntry.objects.create(
        ticket=ticket, kind=ThreadEntry.Kind.AUTO, channel=ticket.channel, text=fill(text, values), automatic=True,
        created_at=app_now(),
    )  # fmt: skip
    send(entry, ticket, to=[Recipient(contact, address.value)], neutral=True)
    return True


def _ticket_for(contact: Contact, protocol: str) -> Ticket | None:
    """Return the ticket the page named when it is the contact's own, else the one that changed last."""
    recent = Q(closed_at__isnull=True) | Q(closed_at__gt=AppNow() - timedelta(days=DAYS_AFTER_CLOSING))
    own = Participant.objects.filter(contact=contact, kind=Participant.Kind.REQUESTER, removed=False)
    live = Ticket.objects.filter(recent, pk__in=own.values("ticket"), held=False, merged_into=None)
    live = live.select_related("department", "channel").order_by("-updated_at")
    return live.filter(protocol=protocol).first() or live.first()
